/* SocketScaler as the harness sees it: the built server with its limits raised, and two clients. */

import { fileURLToPath } from "node:url";
import { readPage } from "../../src/bench/deployment.js";
import { getBit } from "../../src/board/bitmap.js";
import { offsetOf, pageCount, pageOf } from "../../src/board/geometry.js";
import { LaneClient } from "./lane-client.js";
import { type Running, start } from "./processes.js";
import { SocketIoClient } from "./socket-io-client.js";
import type { System } from "./system.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** Lifts the limits against abuse, which a benchmark resembles. All else is the default. */
export const NO_LIMITS = {
  WRITES_PER_SECOND: "1000000",
  WRITE_BURST: "1000000",
  CONNECTIONS_PER_ADDRESS: "100000",
  CONNECTS_PER_SECOND: "100000",
  HTTP_PER_MINUTE: "10000000",
};

export const OURS = "SocketScaler";

type Flags = Readonly<Record<string, string>>;

/** Of relays and their origins in a benchmark. */
export const RELAY_SECRET = "a secret of relays in a benchmark";

export function oursOn(boards: string, flags: Flags = {}): System {
  return {
    name: OURS,
    about: "this project, as built, with default settings except for the limits against abuse",
    isPerChange: false,
    args: () => [MAIN, "serve"],
    env: (valkey) => envOf({ VALKEY_URL: valkey.url, BOARDS: boards, ...flags }),
    connect: (url, cells, changed) => LaneClient.open(url, pagesOf(cells), changed),
    stored: (_, url, cells) => readBoard(url, pageCount(cells)),
  };
}

export const ours = (cells: number): System => oursOn(`main=${cells}`);

/** Relays of the instance at this URL, which has the store. */
export function relaysOf(upstream: string): System {
  const env = () => envOf({ UPSTREAM_URL: upstream, RELAY_SECRET });
  return { ...oursOn(""), name: "relays", about: "this project as a relay of another instance", env };
}

/** An instance that no fleet owns. */
export function startBuilt(flags: Flags): Promise<Running> {
  return start(process.execPath, [MAIN, "serve"], envOf(flags));
}

/** The same instance through its other door. */
export const oursOverSocketIo = (cells: number): System => ({
  ...ours(cells),
  name: `${OURS} over Socket.IO`,
  about: "the same, with clients that use Socket.IO instead of the lane",
  connect: (url, cells, changed) => SocketIoClient.open(url, pagesOf(cells), changed),
});

function envOf(flags: Flags): Flags {
  return { PORT: "0", HOST: "127.0.0.1", ...NO_LIMITS, ...flags };
}

function pagesOf(cells: number): number[] {
  return Array.from({ length: pageCount(cells) }, (_, page) => page);
}

async function readBoard(url: string, pages: number): Promise<(cell: number) => boolean> {
  const all = await Promise.all(Array.from({ length: pages }, (_, page) => readPage(url, "main", page)));
  return (cell) => getBit(all[pageOf(cell)]?.bits ?? new Uint8Array(), offsetOf(cell)) === 1;
}
