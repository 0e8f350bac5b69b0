/*
 * The seat maps of bench/peers as a scenario sees them: how a server is started, and a visitor. A
 * visitor repeats a request whose answer is lost at the next server, as an app's page would.
 */

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import { connect } from "../../src/client/index.js";
import { colyseusSdk } from "./frameworks.js";
import { PEERS, peerVersion } from "./peers.js";
import { newSession } from "./watched-board.js";

type Outcome = "done" | "taken";

export interface Visitor {
  readonly user: string;
  /** The URL of the server that decides what this visitor gets. */
  readonly server: string;
  take(seat: number): Promise<Outcome>;
  giveBack(seat: number): Promise<Outcome>;
  /** The seats that are paid for. */
  pay(): Promise<readonly number[]>;
  /** What the visitor's page shows. */
  isTaken(seat: number): boolean;
  close(): void;
}

export interface SeatMap {
  readonly name: string;
  readonly about: string;
  /** The server's source in bench/peers. */
  readonly file: string;
  /** Prefers the first of the URLs. */
  visit(urls: readonly string[], user: string, seats: number): Promise<Visitor>;
  /** Sends one request to take a seat, the very same one each time. */
  copies(url: string, user: string, seat: number): Promise<{ send(): Promise<void>; close(): void }>;
}

const ANSWER_MS_MAX = 3_000;
const RETRY_MS = 50;

/** Lines of code of the server, without comments and empty lines. */
export function linesOf({ file }: SeatMap): number {
  const code = readFileSync(`${PEERS}${file}`, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return code.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//")).length;
}

const ours: SeatMap = {
  name: "SocketScaler",
  about: "a board with claims",
  file: "seats-ours.ts",
  visit: async (urls, user, seats) => {
    const client = connect(urls, { token: () => user });
    const board = client.board("seats");
    await board.watch({ start: 0, end: seats }).ready;
    const set = (seat: number, value: boolean): Promise<Outcome> =>
      board.set(seat, value).then(
        () => "done",
        (error: { readonly code?: string }) => {
          if (error.code === "TAKEN") return "taken";
          throw error;
        },
      );
    return {
      user,
      get server() {
        return client.state.url ?? "";
      },
      take: (seat) => set(seat, true),
      giveBack: (seat) => set(seat, false),
      pay: async () => {
        const headers = { authorization: user };
        return (await fetch(`${urls[0]}/pay`, { method: "POST", headers })).json();
      },
      isTaken: (seat) => board.get(seat) === true,
      close: () => client.close(),
    };
  },
  copies: async (url, user, seat) => {
    const socket = io(`${url}/boards`, { auth: { token: user }, transports: ["websocket"], forceNew: true });
    const { handle } = await socket.emitWithAck("open", { board: "seats", protocol: 1 });
    const request = { handle, session: newSession(), seq: 1, changes: [[seat, 1]] };
    return {
      send: () => socket.emitWithAck("write", request),
      close: () => void socket.disconnect(),
    };
  },
};

const socketIo: SeatMap = {
  name: "Socket.IO with a database",
  about: `Socket.IO with @socket.io/redis-adapter ${peerVersion("@socket.io/redis-adapter")} and a table in SQLite, whose primary key gives a seat one owner. Only servers on one machine can share it`,
  file: "seats-socket-io.ts",
  visit: async (urls, user) => {
    let at = 0;
    let isClosed = false;
    let taken = new Set<number>();
    let socket: Socket;
    const open = () =>
      new Promise<void>((done) => {
        socket = socketOf(urls[at++ % urls.length] ?? "", user);
        socket.on("state", (seats: number[]) => {
          taken = new Set(seats);
          done();
        });
        socket.on("change", ({ seat, isTaken }) => void (isTaken ? taken.add(seat) : taken.delete(seat)));
        for (const event of ["disconnect", "connect_error"]) {
          socket.once(event, () => void (isClosed || setTimeout(() => void open().then(done), RETRY_MS)));
        }
      });
    await open();
    const ask = <Answer>(event: string, request: unknown): Promise<Answer> =>
      repeated(() => socket.timeout(ANSWER_MS_MAX).emitWithAck(event, request));
    return {
      user,
      get server() {
        return urls[(at - 1) % urls.length] ?? "";
      },
      take: (seat) => ask("take", { seat }),
      giveBack: (seat) => ask("give back", { seat }),
      pay: () => ask("pay", {}),
      isTaken: (seat) => taken.has(seat),
      close: () => {
        isClosed = true;
        socket.disconnect();
      },
    };
  },
  copies: async (url, user, seat) => {
    const socket = socketOf(url, user);
    return {
      send: () => socket.emitWithAck("take", { seat }),
      close: () => void socket.disconnect(),
    };
  },
};

function socketOf(url: string, user: string): Socket {
  return io(url, { auth: { user }, transports: ["websocket"], forceNew: true, reconnection: false });
}

/** A room of Colyseus's client, as far as it is used here. Its package has no types here. */
interface Room {
  readonly reconnection: { enabled: boolean };
  readonly connection: { readonly transport: { readonly ws: { readonly url: string } }; close(): void };
  readonly state: { readonly taken: ReadonlyMap<string, boolean> };
  readonly onStateChange: { once(listener: () => void): void };
  onMessage(type: string, listener: (answer: { readonly id: number; readonly outcome: unknown }) => void): void;
  onLeave(listener: () => void): void;
  send(type: string, message: unknown): void;
}

function joinRoom(url: string, user: string): Promise<Room> {
  return new (colyseusSdk().Client)(url).joinOrCreate("seats", { user });
}

const colyseus: SeatMap = {
  name: "Colyseus",
  about: `Colyseus ${peerVersion("@colyseus/core")}, one room for the whole hall in one of the processes`,
  file: "seats-colyseus.ts",
  visit: async (urls, user) => {
    let at = 0;
    let isClosed = false;
    let lastId = 0;
    let room: Room;
    const waiting = new Map<number, { done(outcome: unknown): void; fail(error: Error): void }>();
    const open = async (): Promise<void> => {
      const next = await repeated(() => joinRoom(urls[at++ % urls.length] ?? "", user));
      next.reconnection.enabled = false;
      next.onMessage("answer", ({ id, outcome }) => waiting.get(id)?.done(outcome));
      next.onLeave(() => {
        for (const { fail } of waiting.values()) fail(new Error("the connection is lost"));
        if (!isClosed) void open();
      });
      // Until then, the page shows what it did before.
      await new Promise<void>((done) => next.onStateChange.once(() => done()));
      room = next;
    };
    await open();
    const ask = <Answer>(type: string, request: object): Promise<Answer> =>
      repeated(() => {
        const id = ++lastId;
        const answer = new Promise<unknown>((done, fail) => {
          waiting.set(id, { done, fail });
          setTimeout(() => fail(new Error("no answer")), ANSWER_MS_MAX).unref();
          room.send(type, { id, ...request });
        });
        return answer.finally(() => waiting.delete(id)) as Promise<Answer>;
      });
    return {
      user,
      // The matchmaker has sent it to the process that has the room.
      get server() {
        return `http://${new URL(room.connection.transport.ws.url).host}`;
      },
      take: (seat) => ask("take", { seat }),
      giveBack: (seat) => ask("giveBack", { seat }),
      pay: () => ask("pay", {}),
      isTaken: (seat) => room.state.taken.get(String(seat)) === true,
      close: () => {
        isClosed = true;
        void room.connection.close();
      },
    };
  },
  copies: async (url, user, seat) => {
    const room = await joinRoom(url, user);
    return {
      send: () =>
        new Promise<void>((done) => {
          room.onMessage("answer", () => done());
          room.send("take", { id: 1, seat });
        }),
      close: () => void room.connection.close(),
    };
  },
};

/** Repeats a request until it is answered. */
async function repeated<Answer>(request: () => Promise<Answer>): Promise<Answer> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await pause(RETRY_MS);
    }
  }
}

export const SEAT_MAPS: readonly SeatMap[] = [ours, socketIo, colyseus];
