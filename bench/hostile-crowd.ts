/*
 * The hostile crowd of hostile.ts, as a process of its own. Says `ready` when it is at work, and works until it is killed.
 *
 *     hostile-crowd.ts '{"deaf": 1, …}' URL…
 */

import { connect as tcpConnect } from "node:net";
import { constants, setPriority } from "node:os";
import { io } from "socket.io-client";
import { Link } from "../test/support/link.js";
import { newSession, type RawClient, rawClient } from "../test/support/raw-client.js";
import { frame, PING, TEXT } from "../test/support/raw-socket.js";

type Kind =
  | "deaf"
  | "slow"
  | "silent"
  | "restless"
  | "greedy"
  | "chatting"
  | "strayed"
  | "pinging"
  | "babbling"
  | "pipelining"
  | "historian";
const [, , counts = "{}", ...urls] = process.argv;
const wanted: Partial<Record<Kind, number>> = JSON.parse(counts);
const ADDRESS = "127.0.0.2";
const BYTES_PER_SECOND = 1_024;
/** Cells; sixty times what a session may. */
const WRITES_PER_SECOND = 3_000;
const WRITE_CELLS = 100;
const WRITE_EVERY_MS = (WRITE_CELLS * 1_000) / WRITES_PER_SECOND;
const WATCHES = 400;
const UPGRADE =
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const FLOOD_BYTES = 65_536;
const JOINED_MS = 200;
/** What one socket may send to everybody, and ask to watch. */
const MESSAGE_EVERY_MS = 200;
const WATCH_EVERY_MS = 10;
const PIPELINED = 1_700;
const HISTORY_EVERY_MS = 20;
/** Floods below the level of requests, in turns. */
const BABBLE = ["3", "40/nowhere,", "43/boards,7[]", '42/boards,["x"]'];
/** Whoever was disconnected comes back. */
const BACK_MS = 500;

const pagesOf = ({ opened }: RawClient) => Array.from({ length: opened?.pages ?? 0 }, (_, page) => page);

const behave: Record<Kind, (url: string) => Promise<void>> = {
  deaf: (url) => watchThrough(url, 0),
  slow: (url) => watchThrough(url, BYTES_PER_SECOND),
  silent: async (url) => openAndSayNothing(url),
  restless: async (url) => {
    const client = await rawClient(url, "big");
    const pages = pagesOf(client);
    const turn = (name: "watch" | "unwatch") => {
      client.socket.emit(name, { handle: client.opened?.handle, pages }, () => {
        setImmediate(turn, name === "watch" ? "unwatch" : "watch");
      });
    };
    client.socket.once("disconnect", () => comeBack("restless", url));
    for (let count = 0; count < 4; count++) turn("watch");
  },
  greedy: async (url) => {
    const client = await rawClient(url, "big");
    const session = newSession();
    const size = client.opened?.size ?? 0;
    let seq = 0;
    const writing = setInterval(() => {
      const changes = Array.from({ length: WRITE_CELLS }, (_, index): [number, 0 | 1] => [
        Math.floor(Math.random() * size),
        index & 1 ? 1 : 0,
      ]);
      client.socket.emit("write", { handle: client.opened?.handle, session, seq: ++seq, changes }, () => undefined);
    }, WRITE_EVERY_MS);
    client.socket.once("disconnect", () => {
      clearInterval(writing);
      comeBack("greedy", url);
    });
  },
  chatting: async (url) => {
    const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"] });
    const sending = setInterval(() => socket.emit("message", "x"), MESSAGE_EVERY_MS);
    socket.once("disconnect", () => {
      clearInterval(sending);
      comeBack("chatting", url);
    });
  },
  strayed: async (url) => {
    const client = await rawClient(url, "big");
    let made = Math.floor(Math.random() * 1e9);
    const watching = setInterval(() => {
      const position = `7.${String(made++).padStart(8, "A")}`;
      const pages = [[made % (client.opened?.pages ?? 1), position]];
      client.socket.emit("watch", { handle: client.opened?.handle, pages }, () => undefined);
    }, WATCH_EVERY_MS);
    client.socket.once("disconnect", () => {
      clearInterval(watching);
      comeBack("strayed", url);
    });
  },
  pinging: async (url) => pour(url, "pinging", UPGRADE, frame(PING, "x".repeat(125))),
  babbling: async (url) => pour(url, "babbling", UPGRADE, frame(TEXT, BABBLE[babblers++ % BABBLE.length])),
  pipelining: async (url) => {
    const route = ROUTES[pipeliners++ % ROUTES.length];
    const socket = tcpConnect(Number(new URL(url).port), new URL(url).hostname);
    socket.pause();
    socket.on("error", () => undefined);
    socket.on("close", () => comeBack("pipelining", url));
    socket.write(`GET ${route} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(PIPELINED));
  },
  historian: async (url) => {
    setInterval(() => {
      const asked = fetch(`${url}/boards/big/pages/0/history?from=0&to=${Math.random() < 0.5 ? 1 : 9e15}`);
      asked.then((answer) => answer.arrayBuffer()).catch(() => undefined);
    }, HISTORY_EVERY_MS);
  },
};
let babblers = 0;
let pipeliners = 0;
const ROUTES = ["/metrics", "/cluster", "/", "/demo", "/boards/big/pages/0", "/boards"];

/** Sends the same again as fast as it is taken, and reads nothing. */
function pour(url: string, kind: Kind, head: string, part: Buffer): void {
  const socket = tcpConnect(Number(new URL(url).port), new URL(url).hostname);
  const flood = Buffer.concat(Array(Math.ceil(FLOOD_BYTES / part.length)).fill(part));
  const more = () => {
    while (socket.write(flood)) if (socket.destroyed) return;
  };
  socket.on("error", () => undefined);
  socket.on("drain", more);
  socket.on("close", () => comeBack(kind, url));
  if (head === "") more();
  else {
    socket.write(head);
    socket.once("data", () => {
      socket.pause();
      socket.write(frame(TEXT, "40/boards,"));
      setTimeout(more, JOINED_MS);
    });
  }
}

async function watchThrough(url: string, bytesPerSecond: number): Promise<void> {
  const link = await Link.open([url]);
  const client = await rawClient(link.url, "big");
  link.slow(bytesPerSecond);
  // Asks for everything again and again, so that there is more than the kernel takes for it.
  for (let count = 0; count < WATCHES; count++) {
    client.socket.emit("watch", { handle: client.opened?.handle, pages: pagesOf(client) }, () => undefined);
  }
  client.socket.once("disconnect", () => {
    link.close();
    comeBack(bytesPerSecond === 0 ? "deaf" : "slow", url);
  });
}

function openAndSayNothing(url: string): void {
  const socket = tcpConnect(Number(new URL(url).port), "127.0.0.1");
  socket.write(UPGRADE);
  socket.resume();
  socket.on("error", () => undefined);
  socket.on("close", () => comeBack("silent", url));
}

function comeBack(kind: Kind, url: string): void {
  setTimeout(() => behave[kind](url).catch(() => comeBack(kind, url)), BACK_MS);
}

// On one machine with what is measured: the crowd's own work must not pass for its effect.
setPriority(constants.priority.PRIORITY_LOW);
// Those who behave come from another address: limits by address are part of what is measured.
const links = await Promise.all(urls.map((url) => Link.open([url], 0, ADDRESS)));
const starts: Promise<void>[] = [];
for (const kind of Object.keys(behave) as Kind[]) {
  for (let index = 0; index < (wanted[kind] ?? 0); index++) {
    starts.push(behave[kind](links[index % links.length]?.url ?? "").catch(() => undefined));
  }
}
await Promise.all(starts);
process.send?.("ready");
