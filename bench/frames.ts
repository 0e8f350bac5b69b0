/*
 * Question: does the canvas keep up, 60 frames a second, while one pans a board of 1,000,000 on which 1,000 cells change
 * every second? And what does the first picture of a board cost, in bytes and time? All boards are full of noise.
 *
 * Real Chromium, 1280 × 800, against an instance in a process of its own; the changes come from the client library in this
 * process. The frame times are those between calls of requestAnimationFrame. Without a screen Chromium draws in software,
 * on the same cores as the instance and the writer: a laptop's GPU does better, so these are upper bounds.
 *
 *     npm run bench:frames -- [seconds]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type Board, connect } from "../src/client/index.js";
import { cellAt, planeOf } from "../src/web/canvas/view/plane.js";
import { launchChromium } from "../test/support/browser.js";
import { spawnInstance } from "../test/support/instances.js";
import { type FirstPicture, firstPicture } from "./first-picture.js";
import { type ScriptTime, traceScript } from "./script-time.js";
import { seedBoards } from "./seed.js";

const seconds = Number(process.argv[2] ?? 10);
const SIZE = 1_000_000;
const CHANGES_PER_SECOND = 1_000;
const TICK_MS = 50;
const FRAME_MS = 1_000 / 60;
const BUCKETS_MS = [17.5, 20, 25, 34, 50, 100, Number.POSITIVE_INFINITY];

const ZOOMS = [0.5, 2, 8, 24, 44];
const LOOKS = 5;

const folder = mkdtempSync(join(tmpdir(), "socketscaler-frames-"));
const sizes = new Map([
  ["small", 100],
  ["million", SIZE],
  ["billion", 1_000_000_000],
]);
await seedBoards(folder, sizes);
const instance = await spawnInstance({
  DATA_DIR: folder,
  BOARDS: Array.from(sizes, ([name, size]) => `${name}=${size}`).join(","),
  WRITES_PER_SECOND: "1000000",
  WRITE_BURST: "1000000",
});
const client = connect(instance.url);
const board = client.board("million");
await board.ready;
const browser = await launchChromium();
const { model } = cpus()[0] ?? { model: "unknown" };
console.log(`Chromium ${browser.version()}, software rendering; ${cpus().length} × ${model}; Node ${process.version}`);

console.log(`\nfirst look, medians of ${LOOKS}: something is drawn, and all that is in sight`);
console.log("board     first ms   board bytes     all ms   board bytes   bytes of the page");
for (const name of sizes.keys()) await look(name);

const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
const session = await context.newCDPSession(page);
// What tsx compiles names its functions with a helper that the browser lacks.
await page.addInitScript("globalThis.__name = (made) => made");
console.log(
  `\npanning for ${seconds} s, ${CHANGES_PER_SECOND} changes a second: ms between frames; processor time of the page's own script in a frame, and of the longest task`,
);
console.log(
  `px a cell   frames     p50     p95     p99     max   over 16.7+1   ${BUCKETS_MS.map((ms) => `≤${ms}`.padStart(9)).join("")}`,
);
for (const zoom of ZOOMS) await pan(page, zoom);

client.close();
await browser.close();
await instance.kill("SIGTERM");
rmSync(folder, { recursive: true });

async function look(name: string): Promise<void> {
  const pictures: FirstPicture[] = [];
  for (let round = 0; round < LOOKS; round++) {
    pictures.push(await firstPicture(browser, `${instance.url}/?board=${name}`));
  }
  const median = (read: (picture: FirstPicture) => number, width: number) =>
    Number(quantile(pictures.map(read), 0.5))
      .toFixed(0)
      .padStart(width);
  console.log(
    name.padEnd(8) +
      median(({ firstMs }) => firstMs, 10) +
      median(({ firstBoardBytes }) => firstBoardBytes, 14) +
      median(({ allMs }) => allMs, 11) +
      median(({ allBoardBytes }) => allBoardBytes, 14) +
      median(({ pageBytes }) => pageBytes, 20),
  );
}

async function pan(page: Page, zoom: number): Promise<void> {
  await page.goto("about:blank");
  await page.goto(`${instance.url}/?board=million#cell=200000&zoom=${zoom}`);
  await page.locator('[data-testid=grid][aria-busy="false"]').waitFor({ state: "attached" });
  const stop = startWriting(board);
  const [frames, script] = await traceScript(session, () => drag(page));
  const written = await stop();
  report(zoom, frames.slice(30), script, written);
}

/** The user's hand: small moves of the pointer with the button down, in the page itself so that driving it costs nothing. */
function drag(page: Page): Promise<number[]> {
  return page.evaluate(async (runMs) => {
    const canvas = document.querySelector("[data-testid=canvas]");
    if (!canvas) return [];
    const press = (type: string, x: number, y: number) =>
      canvas.dispatchEvent(
        new PointerEvent(type, {
          pointerId: 1,
          clientX: x,
          clientY: y,
          button: 0,
          buttons: 1,
          isPrimary: true,
          bubbles: true,
        }),
      );
    canvas.setPointerCapture = () => undefined;
    const took: number[] = [];
    const startMs = performance.now();
    let lastMs: number | undefined;
    press("pointerdown", 640, 400);
    await new Promise<void>((done) => {
      const frame = (nowMs: number) => {
        if (lastMs !== undefined) took.push(nowMs - lastMs);
        lastMs = nowMs;
        const angle = (nowMs - startMs) / 700;
        press("pointermove", 640 + Math.cos(angle) * 400, 400 + Math.sin(angle) * 250);
        if (nowMs - startMs < runMs) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    press("pointerup", 640, 400);
    return took;
  }, seconds * 1_000);
}

/** Sets random cells, evenly over time; returns how many were set when stopped. */
function startWriting(board: Board): () => Promise<number> {
  const plane = planeOf(SIZE);
  const waiting: Promise<void>[] = [];
  const startMs = performance.now();
  let written = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * CHANGES_PER_SECOND;
    for (; written < due; written++) {
      const cell = cellAt(plane, { x: Math.floor(Math.random() * 1_024), y: Math.floor(Math.random() * 800) });
      if (cell !== undefined) waiting.push(board.set(cell, Math.random() < 0.5));
    }
  }, TICK_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(waiting);
    return written;
  };
}

function report(zoom: number, frames: readonly number[], script: ScriptTime, written: number): void {
  const at = (share: number) => quantile(frames, share);
  const late = frames.filter((ms) => ms > FRAME_MS + 1).length / Math.max(1, frames.length);
  const histogram = BUCKETS_MS.map((most, index) => {
    const least = BUCKETS_MS[index - 1] ?? 0;
    return String(frames.filter((ms) => ms > least && ms <= most).length).padStart(9);
  });
  console.log(
    `${String(zoom).padEnd(9)}${String(frames.length).padStart(9)}${[at(0.5), at(0.95), at(0.99), at(1)].map((ms) => ms.padStart(8)).join("")}${`${(late * 100).toFixed(1)} %`.padStart(15)}   ${histogram.join("")}   script p50 ${quantile(script.frameMs, 0.5)} p99 ${quantile(script.frameMs, 0.99)}, tasks over 50 ms: ${script.longTasks}, longest ${script.longestTaskMs.toFixed(1)}   (${written} written)`,
  );
}

function quantile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}
