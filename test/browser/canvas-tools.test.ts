/* The tools of the canvas do what they say, in real Chromium: what they change, show and send. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type Board, type Client, connect } from "../../src/client/index.js";
import { openBoard } from "../support/browser.js";
import { colorsAt, isNear, sizeOf, styleColor } from "../support/canvas-pixels.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";

const PAGE_SIDE = 256;
const BOARDS = ["small", "draw", "follow", "fill", "stop", "keys", "wheel", "link"];
const MIDDLE = 40_000;
/** In the middle of the board, so that it is in the middle of the view even if all is shown. */
const CENTER = 8 * 65_536;

const textOf = async (page: Page, testId: string) => (await page.getByTestId(testId).textContent()) ?? "";
const placeIn = (page: Page) => {
  const [, cell, zoom] = /#cell=(\d+)&zoom=([\d.]+)/.exec(page.url()) ?? [];
  return { cell: Number(cell), zoom: Number(zoom) };
};

/** Presses at one place and moves to another, in cells from the middle. Lifts if `isDone`. */
async function drag(page: Page, from: readonly number[], to: readonly number[], pitch: number, isDone = true) {
  const box = await page.getByTestId("canvas").boundingBox();
  assert.ok(box);
  const at = ([across = 0, down = 0]: readonly number[]) =>
    [box.x + box.width / 2 + across * pitch, box.y + box.height / 2 + down * pitch] as const;
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to));
  if (isDone) await page.mouse.up();
}

describe("the tools of the canvas", () => {
  let browser: Browser;
  let instances: Site["instances"];
  let stop: Site["stop"];
  let client: Client;

  before(async () => {
    ({ browser, instances, stop } = await startSite({ after }, [
      { BOARDS: BOARDS.map((name) => `${name}=1000000`).join(), WRITES_PER_SECOND: "500", WRITE_BURST: "200" },
    ]));
    client = connect(instances[0]?.url ?? "");
  });
  after(() => {
    client.close();
    return stop();
  });

  const open = (board: string, zoom?: number, script?: string, cell = MIDDLE) => {
    const hash = zoom === undefined ? "" : `#cell=${cell}&zoom=${zoom}`;
    return openBoard(browser, `${instances[0]?.url}/?board=${board}${hash}`, script);
  };
  const read = async (name: string): Promise<Board> => {
    const board = client.board(name);
    await board.watch({ start: 0, end: 65_536 }).ready;
    return board;
  };

  test("on boxes too small to hit, a tool zooms in, says so, and then draws", async () => {
    const { page } = await open("small");
    for (const tool of ["draw", "fill"]) {
      await page.getByTestId("zoom-fit").click();
      await until("the whole board is shown", () => Promise.resolve(Number.isNaN(placeIn(page).zoom)));
      await page.getByTestId(`tool-${tool}`).click();
      await drag(page, [0, 0], [40, 0], 1);
      await until("the view has zoomed in", () => placeIn(page).zoom >= 10);
      await until("the note says so", async () => /zoomed in/.test(await textOf(page, "refusal-note")));
      assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true");
    }
    const { zoom } = placeIn(page);
    await until("the boxes are here, and drawn", async () => {
      await drag(page, [0, 0], [2, 0], zoom);
      return (await page.getByTestId("undo").getAttribute("aria-disabled")) !== "true";
    });
    await page.close();
  });

  test("a line that begins on a checked box checks; the eraser that begins on an unchecked one unchecks", async () => {
    const { page } = await open("draw", 24);
    const board = await read("draw");
    await board.set(MIDDLE - 2, true);
    await until("it is shown", () =>
      page
        .locator(`input[data-cell="${MIDDLE}"]`)
        .count()
        .then((count) => count === 1),
    );
    await page.getByTestId("tool-draw").click();
    await drag(page, [-2, 0], [2, 0], 24);
    await until("five are checked", () => board.checked === 5);
    await page.getByTestId("tool-erase").click();
    await drag(page, [-4, 0], [1, 0], 24);
    await until("one is left", () => board.checked === 1);
    assert.equal(board.get(MIDDLE + 2), true);
    await page.close();
  });

  test("the place that is named follows the stroke, and stays at its end", async () => {
    const { page } = await open("follow", 24);
    const names = (cell: number) => async () => (await textOf(page, "message")).startsWith(`Checkbox ${cell} `);
    await page.getByTestId("tool-draw").click();
    await drag(page, [0, 0], [3, 1], 24, false);
    const last = MIDDLE + 3 + PAGE_SIDE;
    await until("it is the last box", names(last));
    await page.mouse.up();
    await until("and has the focus", () =>
      page.evaluate((cell) => document.activeElement?.getAttribute("data-cell") === String(cell), last),
    );
    assert.ok(await names(last)());
    await page.close();
  });

  test("a rectangle shows its size, is sent in portions past the burst, and undone as one", async () => {
    const { page, errors } = await open(
      "fill",
      8,
      `const paint = CanvasRenderingContext2D.prototype.fillText;
       CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
         window.painted = text;
         return paint.call(this, text, ...more);
       };`,
    );
    const board = await read("fill");
    await page.getByTestId("tool-fill").click();
    await drag(page, [-29, -9], [30, 10], 8, false);
    const painted = () => page.evaluate(() => String(Reflect.get(window, "painted")));
    await until("its size is shown", async () => (await painted()) === "60 × 20 = 1,200 boxes");
    await page.mouse.up();
    await until("the progress is shown", async () => /of 1,200 boxes sent/.test(await textOf(page, "fill-status")));
    await until("a screen reader hears of it", async () => /75 % of the/.test(await textOf(page, "fill-announcer")));
    assert.doesNotMatch(await textOf(page, "message"), /fast/, "the line below does not repeat it");
    await until("all are checked", () => board.checked === 1_200, 20_000);
    await until("and it is gone", async () => (await page.getByTestId("fill-status").count()) === 0);
    assert.equal(await textOf(page, "fill-announcer"), "Sending has ended.");
    await page.getByTestId("undo").click();
    await until("none is checked", () => board.checked === 0, 20_000);
    await page.getByTestId("redo").click();
    await until("all are checked again", () => board.checked === 1_200, 20_000);
    await page.getByTestId("tool-clear").click();
    await drag(page, [-29, -9], [30, 10], 8);
    await until("none is checked", () => board.checked === 0, 20_000);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("a fill that is stopped sends nothing more, and what was sent is undone", async () => {
    const { page } = await open("stop", 8);
    const board = await read("stop");
    for (const way of ["button", "Escape"]) {
      await page.getByTestId("tool-fill").click();
      await drag(page, [-29, -19], [30, 20], 8);
      await page.getByTestId("fill-status").waitFor();
      if (way === "button") await page.getByTestId("fill-stop").click();
      else await page.keyboard.press("Escape");
      await until("nothing waits", async () => (await page.getByTestId("fill-status").count()) === 0);
      assert.equal(await page.getByTestId("tool-fill").getAttribute("aria-pressed"), "true");
      await page.keyboard.press("Control+z");
      await until(
        "it is undone",
        async () => (await page.getByTestId("undo").getAttribute("aria-disabled")) === "true",
      );
      await until("none is checked", () => board.checked === 0 && board.get(MIDDLE) === false);
    }
    await page.close();
  });

  test("the question mark opens the list of keys, which keeps the focus and the keys; Escape closes it", async () => {
    const { page } = await open("keys", 24);
    const dialog = page.getByTestId("keys-dialog");
    await page.getByTestId("tool-draw").focus();
    await page.keyboard.press("?");
    await dialog.waitFor();
    await dialog.getByText("erase: uncheck the boxes along a line").waitFor();
    const isWithin = () => dialog.evaluate((element) => element.contains(document.activeElement));
    for (let times = 0; times < 3; times++) {
      assert.ok(await isWithin());
      // From the last element, the browser's own controls come next. They are the body here.
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement === document.body)) await page.keyboard.press("Tab");
    }
    await page.keyboard.press("e");
    assert.equal(await page.getByTestId("tool-erase").getAttribute("aria-pressed"), "false");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-testid")), "tool-draw");
    await page.getByTestId("keys-open").click();
    await dialog.waitFor();
    await page.getByTestId("keys-close").click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByTestId("go-to-number").fill("1");
    await page.keyboard.press("?");
    assert.equal(await dialog.isVisible(), false, "but not within a text");
    await page.close();
  });

  test("two fingers on a trackpad move the view in both directions, and a wheel zooms", async () => {
    const { page } = await open("wheel", 24);
    await page.getByTestId("canvas").hover();
    const pause = () => page.evaluate(() => new Promise((done) => setTimeout(done, 250)));
    await page.mouse.wheel(48, 0);
    await until("it has moved right", () => placeIn(page).cell === MIDDLE + 2);
    await page.mouse.wheel(0, 48);
    await until("and down", () => placeIn(page).cell === MIDDLE + 2 + 2 * PAGE_SIDE);
    await page.mouse.wheel(-24, -24);
    await until("and back, aslant", () => placeIn(page).cell === MIDDLE + 1 + PAGE_SIDE);
    assert.equal(placeIn(page).zoom, 24);
    await pause();
    await page.keyboard.down("Shift");
    await page.mouse.wheel(0, 120);
    await page.keyboard.up("Shift");
    await until("a wheel with Shift moves sideways", () => placeIn(page).cell === MIDDLE + 6 + PAGE_SIDE);
    await pause();
    await page.mouse.wheel(0, -240);
    await until("a wheel zooms", () => placeIn(page).zoom > 24);
    const { zoom } = placeIn(page);
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, 20);
    await page.keyboard.up("Control");
    await until("and a pinch, too", () => placeIn(page).zoom < zoom);
    await page.close();
  });

  test("a link marks its box at every zoom level, until the user acts", async () => {
    for (const zoom of [0.8, 2, 9, 56]) {
      const { page } = await open("link", zoom, undefined, CENTER);
      const { width, height } = await sizeOf(page);
      const focus = await styleColor(page, "--focus");
      const isMarked = async () => {
        // In the middle of the outer line.
        const x = width / 2 - Math.max(zoom, 18) / 2 - 4.5;
        const places = [-2, -1, 0, 1, 2].map((near) => [x + near, height / 2] as const);
        return (await colorsAt(page, places)).some((color) => isNear(color, focus, 40));
      };
      await until(`it is marked at ${zoom}`, isMarked);
      await page.keyboard.press("Shift");
      await until("it fades", async () => !(await isMarked()));
      await page.close();
    }
  });
});
