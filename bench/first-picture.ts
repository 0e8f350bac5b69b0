/*
 * What a first look at a board costs: how long, and how many bytes of the board, until something of it is drawn, and until
 * all that is in sight is. On the canvas the first picture is of how full each page is; of a board of real checkboxes both
 * are the same.
 */

import type { Browser, Page } from "playwright-core";

export interface FirstPicture {
  /** From the call of the address. */
  readonly firstMs: number;
  readonly allMs: number;
  /** Of the WebSocket, as they are on the wire but for the frames' heads. */
  readonly firstBoardBytes: number;
  readonly allBoardBytes: number;
  /** Of HTTP, compressed: document, script, style. */
  readonly pageBytes: number;
}

/** Opens the board in a browser profile that knows nothing. */
export async function firstPicture(browser: Browser, url: string): Promise<FirstPicture> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  let pageBytes = 0;
  let boardBytes = 0;
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.webSocketFrameReceived", ({ response: { opcode, payloadData } }) => {
    boardBytes += opcode === 1 ? payloadData.length : (payloadData.length * 3) / 4;
  });
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    pageBytes += encodedDataLength;
  });
  const startMs = performance.now();
  const drawn = new Promise<{ ms: number; bytes: number }>((done) => {
    void page.exposeFunction("drawn", () => done({ ms: performance.now() - startMs, bytes: boardBytes }));
  });
  // What tsx compiles names its functions with a helper that the browser lacks.
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
    firstBoardBytes: Math.round(first.bytes),
    allBoardBytes: Math.round(all.bytes),
    pageBytes,
  };
}

const twoFrames = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** In the page: calls `drawn` once the middle of the canvas is another colour than what is not known, or the grid is filled. */
function tellFirstDrawn(): void {
  const unknown = [0xdd, 0xe2, 0xdf];
  const look = () => {
    const canvas = document.querySelector<HTMLCanvasElement>("[data-testid=canvas]");
    const pixel = canvas?.getContext("2d")?.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    const isDrawn = pixel !== undefined && pixel[3] !== 0 && unknown.some((channel, at) => pixel[at] !== channel);
    const isFilled = !canvas && document.querySelector('[data-testid=grid][aria-busy="false"]') !== null;
    if (isDrawn || isFilled) Reflect.get(window, "drawn")();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
