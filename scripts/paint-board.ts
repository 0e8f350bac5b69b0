/*
 * Pictures drawn with checkboxes, for the screenshots of large boards. A scene in shades of grey is
 * dithered to checked and unchecked (Bayer 1973, 8 × 8). The pages of the other board fill along a
 * spiral.
 */

import type { Page } from "playwright-core";
import { cellAt, PAGE_SIDE, planeOf } from "../src/board/plane.js";
import type { Board } from "../src/client/index.js";

const BAYER = [
  0, 32, 8, 40, 2, 34, 10, 42, 48, 16, 56, 24, 50, 18, 58, 26, 12, 44, 4, 36, 14, 46, 6, 38, 60, 28, 52, 20, 62, 30, 54,
  22, 3, 35, 11, 43, 1, 33, 9, 41, 51, 19, 59, 27, 49, 17, 57, 25, 15, 47, 7, 39, 13, 45, 5, 37, 63, 31, 55, 23, 61, 29,
  53, 21,
];
const WRITES_AT_ONCE = 5_000;
const SCENE = { width: 1_024, height: 832 };

/** Draws a sunrise over the sea, and the board's size in the sky, over the first 832 rows. */
export async function paintScene(page: Page, board: Board): Promise<void> {
  const shades = await page.evaluate(({ width, height }) => {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    if (!context) return [];
    const sky = context.createLinearGradient(0, 0, 0, height * 0.7);
    sky.addColorStop(0, "#888");
    sky.addColorStop(1, "#fff");
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    const glow = context.createRadialGradient(512, 520, 150, 512, 520, 430);
    glow.addColorStop(0, "#fff");
    glow.addColorStop(1, "rgba(255, 255, 255, 0)");
    context.fillStyle = glow;
    context.fillRect(0, 0, width, 560);
    const sun = context.createLinearGradient(0, 330, 0, 560);
    sun.addColorStop(0, "#444");
    sun.addColorStop(1, "#aaa");
    context.fillStyle = sun;
    context.beginPath();
    context.arc(512, 520, 180, 0, 7);
    context.fill();
    const far = context.createLinearGradient(0, 400, 0, 560);
    far.addColorStop(0, "#333");
    far.addColorStop(1, "#bbb");
    context.fillStyle = far;
    context.beginPath();
    context.moveTo(0, 560);
    for (const [x, y] of [
      [0, 470],
      [120, 400],
      [230, 490],
      [330, 450],
      [440, 560],
      [620, 560],
      [720, 470],
      [820, 500],
      [930, 390],
      [1024, 480],
      [1024, 560],
    ] as const)
      context.lineTo(x, y);
    context.fill();
    for (let row = 560; row < height; row++) {
      const near = (row - 560) / (height - 560);
      for (let x = 0; x < width; x += 4) {
        const wave =
          Math.sin(x * (0.09 - 0.06 * near) + row * row * 0.0009) + Math.sin(x * 0.021 - row * 0.3 * (1.2 - near));
        const isGlint = Math.abs(x - 512) < 150 + near * 60;
        const shade = Math.max(0, Math.min(255, 110 - near * 60 + wave * 38 + (isGlint ? 70 : 0)));
        context.fillStyle = `rgb(${shade} ${shade} ${shade})`;
        context.fillRect(x, row, 4, 1);
      }
    }
    context.textAlign = "center";
    context.font = "bold 150px system-ui, sans-serif";
    context.lineJoin = "round";
    context.lineWidth = 22;
    context.strokeStyle = "#fff";
    context.fillStyle = "#000";
    context.strokeText("1,000,000", 512, 210);
    context.fillText("1,000,000", 512, 210);
    context.font = "bold 52px system-ui, sans-serif";
    context.lineWidth = 14;
    context.strokeText("checkboxes, one board", 512, 290);
    context.fillText("checkboxes, one board", 512, 290);
    const { data } = context.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, pixel) => data[pixel * 4] ?? 255);
  }, SCENE);
  const plane = planeOf(board.size);
  const cells = shades.flatMap((shade, pixel) => {
    const [x, y] = [pixel % SCENE.width, Math.floor(pixel / SCENE.width)];
    const level = (BAYER[(y % 8) * 8 + (x % 8)] ?? 0) * 4 + 2;
    const cell = shade < level ? cellAt(plane, { x, y }) : undefined;
    return cell === undefined ? [] : [cell];
  });
  await check(board, cells);
}

/** Fills the pages along a spiral, the fuller the nearer to its arms and its middle. */
export async function paintSpiral(board: Board): Promise<void> {
  const plane = planeOf(board.size);
  const middle = plane.pageColumns / 2;
  const cells: number[] = [];
  for (let row = 0; row < plane.pageRows; row++) {
    for (let column = 0; column < plane.pageColumns; column++) {
      const [dx, dy] = [column - middle + 0.5, row - middle + 0.5];
      const far = Math.hypot(dx, dy) / middle;
      const arm = Math.max(0, Math.cos(Math.atan2(dy, dx) * 2 - far * 9)) ** 2;
      const count = Math.floor(
        700 * (arm * Math.max(0, 1 - far)) ** 2.2 +
          250 * Math.max(0, 1 - far * 5) +
          Math.max(0, 1 - far) * 1.6 * Math.random(),
      );
      for (let index = 0; index < count; index++) {
        const at = (along: number) => along * PAGE_SIDE + Math.floor(Math.random() * PAGE_SIDE);
        const cell = cellAt(plane, { x: at(column), y: at(row) });
        if (cell !== undefined) cells.push(cell);
      }
    }
  }
  await check(board, cells);
}

async function check(board: Board, cells: readonly number[]): Promise<void> {
  for (let from = 0; from < cells.length; from += WRITES_AT_ONCE) {
    await Promise.all(cells.slice(from, from + WRITES_AT_ONCE).map((cell) => board.set(cell, true)));
  }
}
