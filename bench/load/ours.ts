/* SocketScaler as the harness sees it: the built server with its limits raised, and two clients. */

import { fileURLToPath } from "node:url";
import { readPage } from "../../src/bench/deployment.js";
import { getBit } from "../../src/board/bitmap.js";
import { offsetOf, pageCount, pageOf } from "../../src/board/geometry.js";
import { LaneClient } from "./lane-client.js";
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

export function oursOn(boards: string, flags: Readonly<Record<string, string>> = {}): System {
  return {
    name: OURS,
    about: "this project, as built, with default settings except for the limits against abuse",
    isPerChange: false,
    args: () => [MAIN, "serve"],
    env: (valkey) => ({ PORT: "0", HOST: "127.0.0.1", VALKEY_URL: valkey.url, BOARDS: boards, ...NO_LIMITS, ...flags }),
    connect: (url, cells, changed) => LaneClient.open(url, pagesOf(cells), changed),
    stored: (_, url, cells) => readBoard(url, pageCount(cells)),
  };
}

export const ours = (cells: number): System => oursOn(`main=${cells}`);

/** The same instance through its other door. */
export const oursOverSocketIo = (cells: number): System => ({
  ...ours(cells),
  name: `${OURS} over Socket.IO`,
  about: "the same, with clients that use Socket.IO instead of the lane",
  connect: (url, cells, changed) => SocketIoClient.open(url, pagesOf(cells), changed),
});

function pagesOf(cells: number): number[] {
  return Array.from({ length: pageCount(cells) }, (_, page) => page);
}

async function readBoard(url: string, pages: number): Promise<(cell: number) => boolean> {
  const all = await Promise.all(Array.from({ length: pages }, (_, page) => readPage(url, "main", page)));
  return (cell) => getBit(all[pageOf(cell)]?.bits ?? new Uint8Array(), offsetOf(cell)) === 1;
}
