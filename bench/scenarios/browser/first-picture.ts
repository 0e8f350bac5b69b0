/*
 * Question: what does a first look at a board cost, in time and bytes, until something of it is
 * drawn, and until all that is in sight is drawn?
 *
 * On the canvas, the first picture shows how full each page is. For a board of real checkboxes both
 * moments are the same.
 */

import type { Browser, Page } from "playwright-core";
import { median, type Scenario } from "../../load/outcome.js";
import { withBoards } from "./boards.js";

export const firstPicture: Scenario = {
  name: "first-picture",
  question: "What does a first look at a board cost in the browser, in time and bytes?",
  run: ({ isQuick, tell }) => {
    const looks = isQuick ? 1 : 5;
    const boards = new Map([
      ["small", 100],
      ["million", 1_000_000],
      ...(isQuick ? [] : [["billion", 1_000_000_000] as const]),
    ]);
    return withBoards(boards, async ({ browser, url, surroundings }) => {
      const rows = [];
      for (const [board, cells] of boards) {
        tell(board);
        const pictures: Picture[] = [];
        for (let look = 0; look < looks; look++) pictures.push(await lookAt(browser, `${url}/?board=${board}#all`));
        const middle = (key: keyof Picture) => median(pictures.map((picture) => picture[key]));
        rows.push({
          cells,
          firstMs: middle("firstMs"),
          firstBytes: middle("firstBytes"),
          allMs: middle("allMs"),
          allBytes: middle("allBytes"),
          appBytes: middle("appBytes"),
        });
      }
      return {
        method: `${surroundings}; boards full of noise, medians of ${looks} looks with an empty browser profile.`,
        columns: {
          cells: "cells",
          firstMs: "something is drawn, ms",
          firstBytes: "bytes of the board by then",
          allMs: "all in sight is drawn, ms",
          allBytes: "bytes of the board by then",
          appBytes: "bytes of the app",
        },
        rows,
      };
    });
  },
};

interface Picture {
  /** Time since the address was opened. */
  readonly firstMs: number;
  readonly allMs: number;
  /** Bytes of WebSocket frames, without their headers. */
  readonly firstBytes: number;
  readonly allBytes: number;
  /** Compressed bytes over HTTP: document, script, style. */
  readonly appBytes: number;
}

/** Opens the board in an empty browser profile. */
async function lookAt(browser: Browser, url: string): Promise<Picture> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  let appBytes = 0;
  let boardBytes = 0;
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.webSocketFrameReceived", ({ response: { opcode, payloadData } }) => {
    boardBytes += opcode === 1 ? payloadData.length : (payloadData.length * 3) / 4;
  });
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    appBytes += encodedDataLength;
  });
  const startMs = performance.now();
  const drawn = new Promise<{ ms: number; bytes: number }>((done) => {
    void page.exposeFunction("drawn", () => done({ ms: performance.now() - startMs, bytes: boardBytes }));
  });
  // tsx compiles functions to call a helper that the browser lacks.
  await page.addInitScript("globalThis.__name = (made) => made");
  await page.addInitScript(tellFirstDrawn);
  await page.goto(url);
  await page.locator('[data-testid=grid][aria-busy="false"]').waitFor({ state: "attached" });
  await twoFrames(page);
  const all = { ms: performance.now() - startMs, bytes: boardBytes };
  const first = await drawn;
  await context.close();
  return {
    firstMs: first.ms,
    allMs: all.ms,
    firstBytes: Math.round(first.bytes),
    allBytes: Math.round(all.bytes),
    appBytes,
  };
}

const twoFrames = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Calls `drawn` once the middle of the canvas has a known colour, or all checkboxes are there. */
function tellFirstDrawn(): void {
  const unknown = [0xdd, 0xe2, 0xdf];
  const look = () => {
    const canvas = document.querySelector<HTMLCanvasElement>("[data-testid=canvas]");
    const pixel = canvas?.getContext("2d")?.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    const isDrawn = pixel !== undefined && pixel[3] !== 0 && unknown.some((channel, at) => pixel[at] !== channel);
    const filled = '[data-elements="true"] [data-testid=grid][aria-busy="false"]';
    const isFilled = document.querySelector(filled) !== null;
    if (isDrawn || isFilled) Reflect.get(window, "drawn")();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
