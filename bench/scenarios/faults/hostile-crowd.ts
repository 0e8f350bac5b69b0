/*
 * The hostile crowd of hostile.ts, in a process of its own. Sends `ready` when all have started,
 * and runs until it is killed. An attacker that is disconnected reconnects.
 *
 *     hostile-crowd.ts URL…
 */

import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";
import { io } from "socket.io-client";
import { encodeBeat, encodeRequest, encodeWrite, LANE_PATH, LANE_PROTOCOL } from "../../../src/protocol/lane.js";
import { Link } from "../../../test/support/link.js";
import { newSession, type RawClient, rawClient } from "../../../test/support/raw-client.js";
import { BINARY, frame, PING, TEXT, upgradeOf } from "../../../test/support/raw-socket.js";

/** The number of attackers of each kind. */
const CROWD = {
  deaf: 20, // watches every page and never reads
  slow: 10, // watches every page and reads 1 KB/s
  silent: 50, // opens a WebSocket and sends nothing
  restless: 10, // watches and unwatches as fast as it is answered
  greedy: 10, // writes at sixty times its limit
  chatting: 200, // sends messages to everyone, as often as allowed
  strayed: 4, // watches from positions that never existed
  pinging: 1, // sends WebSocket pings and never reads
  babbling: 4, // sends frames that are not requests, to Socket.IO and to the lane
  laneDeaf: 10, // joins over the lane, asks for every page again and again, and never reads
  laneSilent: 25, // opens a WebSocket at the lane, and says no hello
  laneGreedy: 5, // writes over the lane at sixty times its limit
  laneRestless: 5, // joins over the lane and leaves, as fast as it can
  pipelining: 25, // sends 1,700 HTTP requests at once and never reads
  historian: 1, // asks for the history of a page as often as an address may
};
type Kind = keyof typeof CROWD;

const [, , ...urls] = process.argv;
const ADDRESS = "127.0.0.2";
const BYTES_PER_SECOND = 1_024;
/** Cells per second: sixty times the limit of a session. */
const WRITES_PER_SECOND = 3_000;
const WRITE_CELLS = 100;
const WRITE_EVERY_MS = (WRITE_CELLS * 1_000) / WRITES_PER_SECOND;
const WATCHES = 400;
const UPGRADE = upgradeOf("/socket.io/?EIO=4&transport=websocket");
const LANE_UPGRADE = upgradeOf(LANE_PATH);
const FLOOD_BYTES = 65_536;
const JOINED_MS = 200;
/** The limits of one socket for messages and watches. */
const MESSAGE_EVERY_MS = 200;
const WATCH_EVERY_MS = 10;
const PIPELINED = 1_700;
const HISTORY_EVERY_MS = 20;
/** Texts below the level of requests, in turns. */
const BABBLE = ["3", "40/nowhere,", "43/boards,7[]", '42/boards,["x"]'].map((text) => frame(TEXT, text));
const LANE_BABBLE = [encodeBeat(), encodeRequest(9, "x", {}), encodeWrite(9, 1, [[1, 1]]), new Uint8Array()].map(
  (bytes) => frame(BINARY, bytes),
);
const BACK_MS = 500;
const REJOIN_MS = 10;

const pagesOf = ({ opened }: RawClient) => Array.from({ length: opened?.pages ?? 0 }, (_, page) => page);

/** Starts an attacker of a kind; it calls comeBack when it is disconnected. */
const behave: Record<Kind, (url: string) => unknown> = {
  deaf: (url) => watchThrough(url, 0),
  slow: (url) => watchThrough(url, BYTES_PER_SECOND),
  silent: (url) => {
    const socket = dial("silent", url);
    socket.write(UPGRADE);
    socket.resume();
  },
  restless: async (url) => {
    const client = await join("restless", url);
    const pages = pagesOf(client);
    const turn = (name: "watch" | "unwatch") => {
      client.socket.emit(name, { handle: client.opened?.handle, pages }, () => {
        setImmediate(turn, name === "watch" ? "unwatch" : "watch");
      });
    };
    for (let count = 0; count < 4; count++) turn("watch");
  },
  greedy: async (url) => {
    const session = newSession();
    let seq = 0;
    await join("greedy", url, WRITE_EVERY_MS, ({ socket, opened }) => {
      const changes = Array.from({ length: WRITE_CELLS }, (_, index) => [
        Math.floor(Math.random() * (opened?.size ?? 0)),
        index & 1,
      ]);
      socket.emit("write", { handle: opened?.handle, session, seq: ++seq, changes }, () => undefined);
    });
  },
  chatting: (url) => {
    const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"] });
    const sending = setInterval(() => socket.emit("message", "x"), MESSAGE_EVERY_MS);
    socket.once("disconnect", () => {
      clearInterval(sending);
      comeBack("chatting", url);
    });
  },
  strayed: (url) => {
    let made = Math.floor(Math.random() * 1e9);
    return join("strayed", url, WATCH_EVERY_MS, ({ socket, opened }) => {
      const position = `7.${String(made++).padStart(8, "A")}`;
      const pages = [[made % (opened?.pages ?? 1), position]];
      socket.emit("watch", { handle: opened?.handle, pages }, () => undefined);
    });
  },
  pinging: (url) => pour(url, "pinging", frame(PING, "x".repeat(125))),
  babbling: (url) => {
    const turn = Math.floor(babblers++ / 2);
    const parts = babblers % 2 === 0 ? BABBLE : LANE_BABBLE;
    pour(url, "babbling", parts[turn % parts.length] ?? Buffer.of(), parts === BABBLE);
  },
  laneDeaf: (url) => {
    const socket = joinLane("laneDeaf", url);
    const watch = encodeRequest(2, "watch", { board: "big", pages: [0, 1, 2, 3] });
    const unwatch = encodeRequest(3, "unwatch", { handle: 0, pages: [0, 1, 2, 3] });
    socket.write(
      Buffer.concat(
        Array(WATCHES / 2)
          .fill([watch, unwatch])
          .flat()
          .map(binary),
      ),
    );
  },
  laneSilent: (url) => {
    const socket = dial("laneSilent", url);
    socket.write(LANE_UPGRADE);
    socket.resume();
  },
  laneGreedy: (url) => {
    const socket = joinLane("laneGreedy", url);
    let seq = 0;
    const writing = setInterval(() => {
      const first = Math.floor(Math.random() * 1_000) * 10;
      const changes = Array.from({ length: WRITE_CELLS }, (_, index) => [first + index, index & 1 ? 1 : 0] as const);
      socket.write(binary(encodeWrite(0, ++seq, changes)));
    }, WRITE_EVERY_MS);
    socket.resume().once("close", () => clearInterval(writing));
  },
  laneRestless: (url) => {
    const come = () => {
      const socket = joinLane(undefined, url);
      socket.on("data", (data) => data.includes('"limits"') && socket.destroy());
      socket.once("close", () => setTimeout(come, REJOIN_MS));
    };
    come();
  },
  pipelining: (url) => {
    const route = ROUTES[pipeliners++ % ROUTES.length];
    const socket = dial("pipelining", url);
    socket.pause();
    socket.write(`GET ${route} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(PIPELINED));
  },
  historian: (url) => {
    setInterval(() => {
      const asked = fetch(`${url}/boards/big/pages/0/history?from=0&to=${Math.random() < 0.5 ? 1 : 9e15}`);
      asked.then((answer) => answer.arrayBuffer()).catch(() => undefined);
    }, HISTORY_EVERY_MS);
  },
};
let babblers = 0;
let pipeliners = 0;
const ROUTES = ["/metrics", "/cluster", "/", "/demo", "/boards/big/pages/0", "/boards"];

/** A client of board `big` that calls `act` again and again while it is connected. */
async function join(kind: Kind, url: string, everyMs?: number, act?: (client: RawClient) => void): Promise<RawClient> {
  const client = await rawClient(url, "big");
  const acting = act && setInterval(() => act(client), everyMs);
  client.socket.once("disconnect", () => {
    clearInterval(acting);
    comeBack(kind, url);
  });
  return client;
}

function joinLane(kind: Kind | undefined, url: string): Socket {
  const socket = dial(kind, url);
  const hello = encodeRequest(0, "hello", { protocol: LANE_PROTOCOL });
  const open = encodeRequest(1, "open", { board: "big", protocol: LANE_PROTOCOL, session: newSession() });
  socket.write(Buffer.concat([Buffer.from(LANE_UPGRADE), binary(hello), binary(open)]));
  return socket;
}

const binary = (bytes: Uint8Array) => frame(BINARY, bytes);

/** Of a kind that comes back when it is ended. */
function dial(kind: Kind | undefined, url: string): Socket {
  const socket = connect(Number(new URL(url).port), new URL(url).hostname);
  socket.on("error", () => undefined);
  if (kind) socket.on("close", () => comeBack(kind, url));
  return socket;
}

/** Sends `part` over a WebSocket again and again, as fast as it is accepted, and reads nothing. */
function pour(url: string, kind: Kind, part: Buffer, isSocketIo = true): void {
  const socket = dial(kind, url);
  const flood = Buffer.concat(Array(Math.ceil(FLOOD_BYTES / part.length)).fill(part));
  const more = () => {
    while (socket.write(flood)) if (socket.destroyed) return;
  };
  socket.on("drain", more);
  socket.write(isSocketIo ? UPGRADE : LANE_UPGRADE);
  socket.once("data", () => {
    socket.pause();
    socket.write(
      isSocketIo ? frame(TEXT, "40/boards,") : binary(encodeRequest(0, "hello", { protocol: LANE_PROTOCOL })),
    );
    setTimeout(more, JOINED_MS);
  });
}

async function watchThrough(url: string, bytesPerSecond: number): Promise<void> {
  const link = await Link.open([url]);
  const client = await rawClient(link.url, "big");
  link.slow(bytesPerSecond);
  // Asks for everything again and again, so that the answers exceed the buffers of the kernel.
  for (let count = 0; count < WATCHES; count++) {
    client.socket.emit("watch", { handle: client.opened?.handle, pages: pagesOf(client) }, () => undefined);
  }
  client.socket.once("disconnect", () => {
    link.close();
    comeBack(bytesPerSecond === 0 ? "deaf" : "slow", url);
  });
}

function comeBack(kind: Kind, url: string): void {
  setTimeout(() => attack(kind, url).catch(() => comeBack(kind, url)), BACK_MS);
}

async function attack(kind: Kind, url: string): Promise<void> {
  await behave[kind](url);
}

// The crowd shares the machine: its own work must not be mistaken for its effect.
setPriority(constants.priority.PRIORITY_LOW);
// Clients that behave come from another address: limits per address are part of what is measured.
const links = await Promise.all(urls.map((url) => Link.open([url], 0, ADDRESS)));
const starts: Promise<void>[] = [];
for (const kind of Object.keys(behave) as Kind[]) {
  for (let index = 0; index < CROWD[kind]; index++) {
    starts.push(attack(kind, links[index % links.length]?.url ?? "").catch(() => undefined));
  }
}
await Promise.all(starts);
process.send?.("ready");
