/*
 * A process of viewers by the feed. A crowd in one process would wait for its own CPU, and its
 * delays would be those of the benchmark.
 *
 *     parent                              child
 *     fork, with the crowd as JSON  ->
 *                                   <-    ready
 *     { from, gapMs }               ->            the times of the clicks that follow
 *     { bits }                      ->            the page in the end, as Base64
 *                                   <-    { equal, delays }
 */

import { sharedNow } from "../../src/bench/probes.js";
import { getBit } from "../../src/board/bitmap.js";
import { connect } from "../../src/client/index.js";
import { Delays } from "./delays.js";
import { FeedClient } from "./feed-client.js";

export interface FeedCrowdOptions {
  readonly url: string;
  readonly cells: number;
  readonly viewers: number;
  /** Whether they are clients of the library. Others take less CPU, and do the same requests. */
  readonly isLibrary: boolean;
}

/** Cell 0 is clicked at `from` by `sharedNow`, and each next one `gapMs` later. */
export interface Clicks {
  readonly from: number;
  readonly gapMs: number;
}

export interface FeedCrowdReport {
  readonly equal: number;
  readonly delays: Delays["counts"];
}

/** So many connect at the same time. */
const AT_ONCE = 50;

interface Viewer {
  get(cell: number): boolean | undefined;
}

const { url, cells, viewers, isLibrary }: FeedCrowdOptions = JSON.parse(process.argv[2] ?? "");
const delays = new Delays();
let clicks: Clicks | undefined;
const changed = (cell: number) => {
  if (clicks) delays.record(sharedNow() - clicks.from - cell * clicks.gapMs);
};
const open = isLibrary ? openLibrary : () => FeedClient.open(url, cells, changed);
const crowd: Viewer[] = [];
while (crowd.length < viewers) {
  const count = Math.min(AT_ONCE, viewers - crowd.length);
  crowd.push(...(await Promise.all(Array.from({ length: count }, open))));
}
process.on("message", (message: Clicks | { readonly bits: string }) => {
  if ("bits" in message) process.send?.(report(Buffer.from(message.bits, "base64")));
  else clicks = message;
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function openLibrary(): Promise<Viewer> {
  const board = connect(url, { view: "feed" }).board("main");
  await board.watch({ start: 0, end: cells }).ready;
  board.on("change", (changes) => {
    for (const { cell } of changes) changed(cell);
  });
  return board;
}

function report(bits: Uint8Array): FeedCrowdReport {
  const right = Array.from({ length: cells }, (_, cell) => getBit(bits, cell) === 1);
  const isEqual = (viewer: Viewer) => right.every((value, cell) => viewer.get(cell) === value);
  return { equal: crowd.filter(isEqual).length, delays: delays.counts };
}
