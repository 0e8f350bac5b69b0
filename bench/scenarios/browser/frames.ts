/*
 * Question: does the canvas reach 60 frames a second while someone pans a board of 1,000,000 on
 * which 1,000 cells change every second? And 30 on a computer with a sixth of the processor?
 *
 * Without a screen Chromium draws in software, on the cores of the instance and the writer, so
 * these are upper bounds. A bare page, which only copies a picture of the same size, is measured
 * beside the app.
 */

import { connect } from "../../../src/client/index.js";
import { percentile, type Scenario, type Value } from "../../load/outcome.js";
import { APP, BARE, showBareCanvas } from "./bare-page.js";
import { withBoards } from "./boards.js";
import { openPage, SLOWDOWNS, showBoard, worstAtMost } from "./opened-page.js";
import { CHANGES_PER_SECOND, changeCells, drag } from "./panning.js";
import { traceScript } from "./script-time.js";

/** A frame is late when it takes a millisecond more than this. */
const FRAME_MS = 1_000 / 60;
const ZOOMS = [0.5, 2, 8, 24, 44];
/** Frames at the start, which are not counted. */
const WARM_UP_FRAMES = 30;
/** Most milliseconds between two frames, by slowdown. */
const P99_MS_MAX = { 1: 17, 6: 34 };

export const frames: Scenario = {
  name: "frames",
  question: "Does the canvas reach 60 frames a second while someone pans and 1,000 cells change every second?",
  run: ({ isQuick, tell }) =>
    withBoards(new Map([["million", 1_000_000]]), async ({ browser, url, surroundings }) => {
      const seconds = isQuick ? 3 : 10;
      using client = connect(url);
      const board = client.board("million");
      await board.ready;
      const rows: { page: string; slowdown: number; p99: number; [key: string]: Value }[] = [];
      for (const slowdown of SLOWDOWNS) {
        const { page, session, close } = await openPage(browser, slowdown);
        for (const zoom of [...ZOOMS, undefined]) {
          tell(`${zoom === undefined ? BARE : `${zoom} px per cell`}, ${slowdown} × slower CPU`);
          if (zoom === undefined) await showBareCanvas(page);
          else await showBoard(page, `${url}/?board=million#cell=200000&zoom=${zoom}`);
          const writing = changeCells(board, seconds);
          const [all, script] = await traceScript(session, () => drag(page, seconds));
          await writing;
          const frameMs = all.slice(WARM_UP_FRAMES);
          const late = frameMs.filter((ms) => ms > FRAME_MS + 1).length / frameMs.length;
          rows.push({
            page: zoom === undefined ? BARE : APP,
            slowdown,
            zoom: zoom ?? null,
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
        await close();
      }
      return {
        method: `${surroundings}. Panning for ${seconds} s with ${CHANGES_PER_SECOND} changes/s. The slower CPU is Chromium's emulation for the app's process. Script: processor time of the app's own script in a frame. The bare page copies one picture to a canvas of the window's size in each frame, and does nothing else.`,
        columns: {
          page: "page",
          slowdown: "CPU slowdown, ×",
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
        targets: worstAtMost(
          P99_MS_MAX,
          "p99 between frames at any zoom",
          rows.filter(({ page }) => page === APP).map(({ slowdown, p99 }) => ({ slowdown, ms: p99 })),
        ),
      };
    }),
};
