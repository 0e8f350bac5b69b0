/*
 * The adapter of the teaching protocol, which the judge uses by default: `checkbox-update` both
 * ways over Socket.IO, and the board at `GET /state`. A server may send the board as an event
 * `state` instead, to each client that connects. The only file of the judge that imports
 * socket.io-client.
 *
 * A client listens first and reads the board second, and changes that arrive meanwhile come after
 * it. So the client has no join race of its own.
 */

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Socket as TcpSocket } from "node:net";
import { Manager, type Socket } from "socket.io-client";
import { type Adapter, fieldOf, type OpenClient, type ScreenInput, type Visit } from "./adapter.js";
import { boardIn } from "./board-state.js";
import { ANSWER_BYTES_MAX } from "./bounded-get.js";
import { BadAnswer } from "./errors.js";
import { plainText } from "./plain-text.js";

const CONNECT_MS_MAX = 5_000;
/** A server without `GET /state` sends the board within this time after a client connected. */
const BOARD_MS_MAX = 3_000;
/** Of one connection. A run needs a few boards and a few thousand changes. */
const RECEIVED_BYTES_MAX = 4 * ANSWER_BYTES_MAX;
const WATCH_MS = 50;
/** Statuses of servers that have no such route. */
const NO_ROUTE: readonly number[] = [404, 405, 501];

export function teachingProtocol(): Adapter {
  /** URLs of servers that send the board as an event. */
  const sendsBoard = new Set<string>();

  async function readState(visit: Visit): Promise<unknown> {
    if (sendsBoard.has(visit.url)) return undefined;
    try {
      const sent = await visit.get("state");
      if (boardIn(sent)) return sent;
    } catch (error) {
      const isNone = error instanceof BadAnswer && (NO_ROUTE.includes(error.status) || error.status === 200);
      if (!isNone) throw error;
    }
    sendsBoard.add(visit.url);
    return undefined;
  }

  async function open(visit: Visit, screen: ScreenInput): Promise<OpenClient> {
    const line = await Line.connect(visit, (reason) => screen.lost(reason));
    const { socket } = line;
    const sent = new Promise<unknown>((done) => socket.once("state", done));
    socket.on("state", (board: unknown) => screen.board(board));
    socket.on("checkbox-update", (update: unknown) =>
      screen.change(fieldOf(update, "index"), fieldOf(update, "value")),
    );
    try {
      await visit.turn();
      await line.join(visit);
      if (sendsBoard.has(visit.url)) await soon(sent, visit);
      else await screen.load(readState(visit).then((state) => state ?? soon(sent, visit)));
    } catch (error) {
      line.close();
      throw error;
    }
    return {
      set: (index, value) => ask(socket, { index, value }),
      sendRaw: (content) => void socket.emit("checkbox-update", content),
      close: () => line.close(),
      cut: () => line.cut(),
    };
  }

  return {
    name: "teaching protocol (Socket.IO)",
    open,
    read: async (visit) => {
      const state = await readState(visit);
      if (state !== undefined) return state;
      const line = await Line.connect(visit, () => undefined);
      try {
        const sent = new Promise<unknown>((done) => line.socket.once("state", done));
        await line.join(visit);
        return await soon(sent, visit);
      } finally {
        line.close();
      }
    },
  };
}

/** One Socket.IO connection that receives a bounded number of bytes and can be cut. */
class Line {
  readonly socket: Socket;
  readonly #agent: ReturnType<typeof cuttable>;
  readonly #watching: ReturnType<typeof setInterval>;
  readonly #lost: (reason: string) => void;

  private constructor(manager: Manager, agent: ReturnType<typeof cuttable>, lost: (reason: string) => void) {
    this.socket = manager.socket("/");
    this.#agent = agent;
    this.#lost = lost;
    this.socket.on("disconnect", (reason) => lost(reason));
    this.#watching = setInterval(() => {
      if (agent.receivedBytes() <= RECEIVED_BYTES_MAX) return;
      // First, because the first reason counts.
      lost(`the server sent more than ${RECEIVED_BYTES_MAX / 1_000_000} MB to one client`);
      this.cut();
    }, WATCH_MS);
  }

  /** Opens the connection and joins nothing yet. */
  static connect({ url, signal }: Visit, lost: (reason: string) => void): Promise<Line> {
    const base = new URL(`${url}/`);
    const agent = cuttable(base.protocol === "https:");
    // The types of the options do not have these, which go to `ws`. Compressed bytes would be no
    // bound of what they unpack to.
    const limits: object = { agent: agent.agent, maxPayload: ANSWER_BYTES_MAX, perMessageDeflate: false };
    const manager = new Manager(base.origin, {
      path: new URL("socket.io", base).pathname,
      transports: ["websocket"],
      reconnection: false,
      autoConnect: false,
      timeout: CONNECT_MS_MAX,
      ...limits,
    });
    return new Promise((done, fail) => {
      const isTooLate = () => {
        manager._close();
        agent.cut();
        fail(new BadAnswer(`${url}: the connection was given up`));
      };
      signal.addEventListener("abort", isTooLate, { once: true });
      manager.open((error) => {
        signal.removeEventListener("abort", isTooLate);
        if (error) {
          agent.cut();
          const why = `Socket.IO could not connect over WebSocket (${plainText(error.message)})`;
          fail(
            new BadAnswer(`${url}: ${why}. If the server speaks another protocol, write an adapter: see docs/judge.md`),
          );
        } else done(new Line(manager, agent, lost));
      });
    });
  }

  /** Enters the namespace, so that the server sees a client. */
  async join({ url, signal }: Visit): Promise<void> {
    const { socket } = this;
    const joined = new Promise<void>((done, fail) => {
      signal.addEventListener("abort", () => fail(new BadAnswer(`${url} let no client in`)), { once: true });
      socket.once("connect", done);
      socket.once("connect_error", (error) => {
        fail(new BadAnswer(`${url}: the server refused the connection (${plainText(error.message)})`));
      });
    });
    socket.connect();
    await joined;
  }

  close(): void {
    clearInterval(this.#watching);
    this.socket.off("disconnect");
    this.socket.disconnect();
    this.socket.io._close();
  }

  cut(): void {
    clearInterval(this.#watching);
    this.#agent.cut();
    this.#lost("cut");
    this.socket.io._close();
  }
}

/** An agent for one WebSocket that knows the TCP connection below it. */
function cuttable(isSecure: boolean) {
  let below: TcpSocket | undefined;
  const agent = isSecure ? new HttpsAgent() : new HttpAgent();
  const connecting: { createConnection(...args: unknown[]): TcpSocket } = agent as never;
  const create = connecting.createConnection.bind(agent);
  connecting.createConnection = (...args) => {
    below = create(...args);
    return below;
  };
  return {
    agent,
    receivedBytes: () => below?.bytesRead ?? 0,
    cut: () => void below?.destroy(),
  };
}

/** The board, if the server sends it soon. */
function soon(sent: Promise<unknown>, { url, signal }: Visit): Promise<unknown> {
  return new Promise((done, fail) => {
    const late = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", late);
      const missing = "no board at GET /state, and no event `state` after connecting";
      fail(
        new BadAnswer(`${url} does not speak the teaching protocol (${missing}): write an adapter (see docs/judge.md)`),
      );
    };
    const timer = setTimeout(late, BOARD_MS_MAX);
    signal.addEventListener("abort", late, { once: true });
    sent.then((board) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", late);
      done(board);
    });
  });
}

/** Never settles if the server does not answer clicks. */
function ask(socket: Socket, click: { readonly index: number; readonly value: boolean }): Promise<boolean> {
  return new Promise((done) => {
    socket.emit("checkbox-update", click, (answer: unknown) => {
      const refusals = [fieldOf(answer, "ok"), fieldOf(answer, "success")];
      done(!refusals.includes(false) && fieldOf(answer, "error") === undefined);
    });
  });
}
