/*
 * Question: does the canvas reach 60 frames a second while someone pans a board of 1,000,000 on
 * which 1,000 cells change every second?
 *
 * A frame time is the time between two calls of requestAnimationFrame. Without a screen Chromium
 * draws in software, on the cores of the instance and the writer, so these are upper bounds.
 */

import type { Page } from "playwright-core";
import { pace } from "../../../src/bench/pace.js";
import { cellAt, planeOf } from "../../../src/board/plane.js";
import { type Board, connect } from "../../../src/client/index.js";
import { percentile, type Scenario } from "../../load/outcome.js";
import { withBoards } from "./boards.js";
import { traceScript } from "./script-time.js";

const SIZE = 1_000_000;
const PLANE = planeOf(SIZE);
const CHANGES_PER_SECOND = 1_000;
/** A frame is late when it takes a millisecond more than this. */
const FRAME_MS = 1_000 / 60;
const ZOOMS = [0.5, 2, 8, 24, 44];
/** Frames at the start, which are not counted. */
const WARM_UP_FRAMES = 30;

export const frames: Scenario = {
  name: "frames",
  question: "Does the canvas reach 60 frames a second while someone pans and 1,000 cells change every second?",
  run: ({ isQuick, tell }) =>
    withBoards(new Map([["million", SIZE]]), async ({ browser, url, surroundings }) => {
      const seconds = isQuick ? 2 : 10;
      const client = connect(url);
      const board = client.board("million");
      await board.ready;
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      // tsx compiles functions to call a helper that the browser lacks.
      await page.addInitScript("globalThis.__name = (made) => made");
      const rows = [];
      for (const zoom of isQuick ? ZOOMS.slice(0, 2) : ZOOMS) {
        tell(`${zoom} px per cell`);
        await page.goto("about:blank");
        await page.goto(`${url}/?board=million#cell=200000&zoom=${zoom}`);
        await page.locator('[data-testid=grid][aria-busy="false"]').waitFor({ state: "attached" });
        const writing = pace(CHANGES_PER_SECOND, seconds * 1_000, () => setRandomCell(board));
        const [all, script] = await traceScript(session, () => drag(page, seconds));
        await writing;
        const frameMs = all.slice(WARM_UP_FRAMES);
        const late = frameMs.filter((ms) => ms > FRAME_MS + 1).length / frameMs.length;
        rows.push({
          zoom,
          frames: frameMs.length,
          p50: percentile(frameMs, 0.5),
          p95: percentile(frameMs, 0.95),
          p99: percentile(frameMs, 0.99),
          max: percentile(frameMs, 1),
          late: late * 100,
          scriptP50: percentile(script.frameMs, 0.5),
          scriptP99: percentile(script.frameMs, 0.99),
          longTasks: script.longTasks,
          longestTaskMs: script.longestTaskMs,
        });
      }
      client.close();
      return {
        method: `${surroundings}. Panning for ${seconds} s with ${CHANGES_PER_SECOND} changes/s. Script: processor time of the app's own script in a frame.`,
        columns: {
          zoom: "px per cell",
          frames: "frames",
          p50: "between frames p50, ms",
          p95: "p95",
          p99: "p99",
          max: "max",
          late: "late frames, %",
          scriptP50: "script p50, ms",
          scriptP99: "script p99",
          longTasks: "tasks of 50 ms or more",
          longestTaskMs: "longest task, ms",
        },
        rows,
      };
    }),
};

/** Pans with small moves of the pointer, made inside the browser so that they cost little. */
function drag(page: Page, seconds: number): Promise<number[]> {
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

/** Sets a random cell in the part of the board that is panned over. */
function setRandomCell(board: Board): void {
  const place = { x: Math.floor(Math.random() * 1_024), y: Math.floor(Math.random() * 800) };
  const cell = cellAt(PLANE, place);
  if (cell !== undefined) board.set(cell, Math.random() < 0.5).catch(() => undefined);
}
