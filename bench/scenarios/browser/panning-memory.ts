/*
 * Question: does the app's memory stay flat while someone pans for ten minutes over a board of
 * 100,000,000, at every zoom, while 1,000 cells change every second?
 *
 * After each cycle through the zooms, garbage is collected and the memory is read. The first cycles
 * fill the caches, which have bounds. Then the last third is compared with the first.
 */

import { readFileSync } from "node:fs";
import type { Browser, CDPSession, Page } from "playwright-core";
import { connect } from "../../../src/client/index.js";
import { atMost, median, type Scenario } from "../../load/outcome.js";
import { withBoards } from "./boards.js";
import { openPage, showBoard } from "./opened-page.js";
import { CHANGES_PER_SECOND, changeCells } from "./panning.js";

const SIZE = 100_000_000;
const ZOOMS = [0.5, 2, 8, 24, 44];
/** CSS pixels a second: as a finger swipes. */
const PX_PER_SECOND = 1_500;
/** The share of the time in which the caches fill. */
const FILLING = 0.2;
const MIB = 2 ** 20;

interface Reading {
  readonly heapMiB: number;
  readonly processMiB: number;
}

export const panningMemory: Scenario = {
  name: "panning-memory",
  question: "Does the app's memory stay flat while someone pans and 1,000 cells change every second?",
  run: ({ isQuick, tell }) =>
    withBoards(new Map([["large", SIZE]]), async ({ browser, url, surroundings }) => {
      const seconds = isQuick ? 50 : 600;
      const zoomSeconds = isQuick ? 1 : 4;
      using client = connect(url);
      const board = client.board("large");
      await board.ready;
      const { page, session, close } = await openPage(browser);
      await session.send("Performance.enable");
      await showBoard(page, `${url}/?board=large`);
      const pid = await rendererOf(browser);
      const writing = changeCells(board, seconds);
      const readings: Reading[] = [];
      const startMs = performance.now();
      while (performance.now() - startMs < seconds * 1_000) {
        for (const zoom of ZOOMS) await pan(page, zoom, zoomSeconds);
        const reading = await read(session, pid);
        readings.push(reading);
        tell(`${Math.round((performance.now() - startMs) / 1_000)} s: ${reading.heapMiB.toFixed(1)} MiB of objects`);
      }
      await writing;
      await close();
      const filled = readings.slice(Math.ceil(readings.length * FILLING));
      const third = Math.ceil(filled.length / 3);
      const middle = (key: keyof Reading, part: readonly Reading[]) => median(part.map((reading) => reading[key]));
      const parts = { first: filled.slice(0, third), last: filled.slice(-third) };
      const growth = (key: keyof Reading) => middle(key, parts.last) / middle(key, parts.first);
      const row = (memory: string, key: keyof Reading) => ({
        memory,
        start: readings[0]?.[key] ?? null,
        first: middle(key, parts.first),
        last: middle(key, parts.last),
        max: Math.max(...readings.map((reading) => reading[key])),
      });
      return {
        method: `${surroundings}. Panning for ${seconds} s with ${CHANGES_PER_SECOND} changes/s, in cycles through ${ZOOMS.join(", ")} px per cell; ${readings.length} readings, each after a garbage collection. Process: proportional set size of the app's process.`,
        columns: {
          memory: "memory, MiB",
          start: "after the first cycle",
          first: "median of the first third, caches filled",
          last: "median of the last third",
          max: "largest",
        },
        rows: [row("objects of the script", "heapMiB"), row("process", "processMiB")],
        targets: [
          atMost(1.05, "×", "objects of the script, last third relative to first", growth("heapMiB")),
          atMost(1.1, "×", "process, last third relative to first", growth("processMiB")),
        ],
      };
    }),
};

/** Moves on from where the view is, as with a trackpad, in a direction that turns slowly. */
async function pan(page: Page, zoom: number, seconds: number): Promise<void> {
  await page.evaluate(
    async ({ size, zoom, runMs, pxPerMs }) => {
      const canvas = document.querySelector("[data-testid=canvas]");
      location.hash = `#cell=${Math.floor(Math.random() * size)}&zoom=${zoom}`;
      const startMs = performance.now();
      const turn = Math.random() * 2 * Math.PI;
      await new Promise<void>((done) => {
        let lastMs = startMs;
        const frame = (nowMs: number) => {
          const px = Math.max(0, nowMs - lastMs) * pxPerMs;
          lastMs = nowMs;
          const angle = turn + (nowMs - startMs) / 1_500;
          const [deltaX, deltaY] = [Math.cos(angle) * px, Math.sin(angle) * px];
          canvas?.dispatchEvent(new WheelEvent("wheel", { deltaX, deltaY, bubbles: true, cancelable: true }));
          if (nowMs - startMs < runMs) requestAnimationFrame(frame);
          else done();
        };
        requestAnimationFrame(frame);
      });
    },
    { size: SIZE, zoom, runMs: seconds * 1_000, pxPerMs: PX_PER_SECOND / 1_000 },
  );
}

/** The process with the page. Others without one may wait for the next. */
async function rendererOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  return renderers.toSorted((one, other) => processMiB(other) - processMiB(one))[0] ?? Number.NaN;
}

async function read(session: CDPSession, pid: number): Promise<Reading> {
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const used = metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? Number.NaN;
  return { heapMiB: used / MIB, processMiB: processMiB(pid) };
}

function processMiB(pid: number): number {
  const [, kib = "NaN"] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}
