/*
 * Moves the view of a board, inside the browser so that it costs little, while cells change. A
 * frame time is the time between two calls of requestAnimationFrame.
 */

import type { Page } from "playwright-core";
import { pace } from "../../../src/bench/pace.js";
import { cellAt, planeOf } from "../../../src/board/plane.js";
import type { Board } from "../../../src/client/index.js";

export const CHANGES_PER_SECOND = 1_000;

/** Drags the board around in a circle. Returns the frame times. */
export function drag(page: Page, seconds: number): Promise<number[]> {
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
    Element.prototype.setPointerCapture = () => undefined;
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

/** Changes random cells among the first 1,024 × 800, over which the view is moved. */
export function changeCells(board: Board, seconds: number): Promise<void> {
  const plane = planeOf(board.size);
  return pace(CHANGES_PER_SECOND, seconds * 1_000, () => {
    const place = { x: Math.floor(Math.random() * 1_024), y: Math.floor(Math.random() * 800) };
    const cell = cellAt(plane, place);
    if (cell !== undefined) board.set(cell, Math.random() < 0.5).catch(() => undefined);
  });
}
