/*
 * A large board whose cells are too small to be boxes: pictures of pages, and a map of all pages.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { countBits, getBit, setBit } from "../../src/board/bitmap.js";
import { cellAt } from "../../src/board/geometry.js";
import { placeOfPage, planeOf } from "../../src/board/plane.js";
import { type Board, type Client, connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { newTag } from "../../src/store/tag.js";
import { fitScale } from "../../src/web/canvas/view/camera.js";
import { launchChromium, openBoard } from "../support/browser.js";
import { colorsAt, isNear, shareBetween, sizeOf, styleColor } from "../support/canvas-pixels.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { Random } from "../support/random.js";
import { until } from "../support/until.js";

const SIZE = 1_000_000_000;
const SIDE = 256;
const PAGE_CELLS = SIDE * SIDE;
/** Far from the board's edges, so that it can be in the middle. */
const PAGE = 6_543;
const MIDDLE = cellAt(PAGE, 128 * SIDE + 128);
const NAMES = ["at2", "at05", "at025", "levels", "whole"];
const BOARDS = NAMES.map((name) => `${name}=${SIZE}`).join(",");
const FLAGS = { BOARDS, WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" };

const hashAt = (zoom: number) => `#cell=${MIDDLE}&zoom=${zoom}`;

/** Empty at the top, full at the bottom, and of all kinds between. */
function makeBits(random: Random): Uint8Array {
  const bits = new Uint8Array(PAGE_CELLS / 8);
  for (let offset = 0; offset < PAGE_CELLS; offset++) {
    const chance = Math.floor(offset / SIDE / 16) / 15;
    if (random.whole(0, 999) < chance * 1_000) setBit(bits, offset, 1);
  }
  return bits;
}

/**
 * The difference between the picture of the page in the middle and its bits; undefined if there is
 * none. A pixel stands for a square of cells, or at zoom 2 for a part of one cell. Its colour lies
 * between that of an empty and of a checked cell, by the number of checked cells.
 */
async function differenceIn(page: Page, bits: Uint8Array, zoom: number): Promise<string | undefined> {
  const block = Math.max(1, 1 / zoom);
  const { width, height } = await sizeOf(page);
  const [left, top] = [width, height].map((pixels) => Math.round(pixels / 2 - 128.5 * zoom));
  const perRow = SIDE / block;
  // A fifth of all, in each row others.
  const firsts = Array.from({ length: Math.floor(perRow ** 2 / 5) }, (_, number) => {
    const index = number * 5;
    return [(index % perRow) * block, Math.floor(index / perRow) * block] as const;
  });
  const colors = await colorsAt(
    page,
    firsts.map(([x, y]) => [(left ?? 0) + x * zoom, (top ?? 0) + y * zoom]),
  );
  const [empty, full] = await Promise.all(["--cell", "--accent"].map((name) => styleColor(page, name)));
  assert.ok(empty && full);
  /** How strongly each number of checked cells is shown. */
  const shares = new Map<number, number>();
  for (const [index, [x, y]] of firsts.entries()) {
    let checked = 0;
    for (let cell = 0; cell < block ** 2; cell++) {
      checked += getBit(bits, (y + Math.floor(cell / block)) * SIDE + x + (cell % block));
    }
    const color = colors[index] ?? [0, 0, 0];
    const share = shareBetween(empty, full, color);
    const where = `${checked} of ${block ** 2} at column ${x}, row ${y} are ${color}`;
    if (share === undefined) return `${where}, which is no such colour`;
    const before = shares.get(checked) ?? share;
    if (Math.abs(share - before) > 0.02) return `${where}, elsewhere another colour`;
    shares.set(checked, before);
  }
  const ascending = [...shares].sort(([a], [b]) => a - b).map(([, share]) => share);
  if (shares.size !== block ** 2 + 1) return `only ${shares.size} kinds of squares`;
  if (Math.abs(ascending[0] ?? 1) > 0.02 || Math.abs((ascending.at(-1) ?? 0) - 1) > 0.02) return `from ${ascending}`;
  // Few must be seen among many.
  if (block > 1 && (ascending[1] ?? 0) < 1.5 / block ** 2) return `one is seen as ${ascending[1]}`;
  if (ascending.some((share, index) => index > 0 && share - (ascending[index - 1] ?? 0) < 0.02)) return `${ascending}`;
  return undefined;
}

async function untilShown(page: Page, bits: Uint8Array, zoom: number): Promise<void> {
  // Ends the mark of the box that the link names.
  await page.keyboard.press("Shift");
  let difference: string | undefined;
  await until("the picture is that of the bits", async () => {
    difference = await differenceIn(page, bits, zoom);
    return difference === undefined;
  }).catch((error: unknown) => assert.fail(`${error}: ${difference}`));
}

describe("pictures of pages", () => {
  let browser: Browser;
  let store: EmbeddedStore;
  let instance: LocalInstance;
  let client: Client;
  const random = new Random(7);

  before(async () => {
    browser = await launchChromium();
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    instance = await startInstance(FLAGS, store);
    client = connect(instance.url);
  });
  after(async () => {
    client.close();
    await browser.close();
    await instance.stop();
    await store.close();
  });

  async function put(board: string, page: number, bits: Uint8Array): Promise<void> {
    const { position, checked } = await store.replace({ board, page }, newTag(), bits);
    await store.overview.report(board, [{ page, version: position.version, checked }]);
  }

  /** Some single cells, and a square that is a whole pixel at any zoom, to what they are not. */
  async function change(board: Board, bits: Uint8Array): Promise<void> {
    const offsets = Array.from({ length: 30 }, () => random.whole(0, PAGE_CELLS - 1));
    const corner = random.whole(0, 63) * 4 * SIDE + random.whole(0, 63) * 4;
    for (const row of [0, 1, 2, 3]) for (const column of [0, 1, 2, 3]) offsets.push(corner + row * SIDE + column);
    const wishes = [...new Set(offsets)].map((offset) => {
      const value = getBit(bits, offset) ? 0 : 1;
      setBit(bits, offset, value);
      return board.set(cellAt(PAGE, offset), value === 1);
    });
    await Promise.all(wishes);
  }

  for (const [name, zoom] of [
    ["at2", 2],
    ["at05", 0.5],
    ["at025", 0.25],
  ] as const) {
    test(`at ${zoom} pixels a cell each pixel is its cells, also after a change`, async () => {
      const bits = makeBits(random);
      await put(name, PAGE, bits.slice());
      const { page, errors } = await openBoard(browser, `${instance.url}/?board=${name}${hashAt(zoom)}`);
      await untilShown(page, bits, zoom);
      await change(client.board(name), bits);
      await untilShown(page, bits, zoom);
      assert.deepEqual(errors, []);
      await page.close();
    });
  }

  test("from one zoom to another the pictures stay those of the bits, whatever changed meanwhile, in other colours too", async () => {
    const bits = makeBits(random);
    await put("levels", PAGE, bits.slice());
    const { page, errors } = await openBoard(browser, `${instance.url}/?board=levels${hashAt(2)}`);
    for (const zoom of [2, 0.5, 0.25, 2]) {
      await page.evaluate((hash) => {
        location.hash = hash;
      }, hashAt(zoom));
      await untilShown(page, bits, zoom);
      await change(client.board("levels"), bits);
      await untilShown(page, bits, zoom);
    }
    await page.emulateMedia({ colorScheme: "dark" });
    await untilShown(page, bits, 2);
    await change(client.board("levels"), bits);
    await untilShown(page, bits, 2);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("of a whole board each page is as dark as it is full, and glows for a while where something changes", async () => {
    const bitsOf = (count: number) => {
      const bits = new Uint8Array(PAGE_CELLS / 8);
      for (let offset = 0; offset < count; offset++) setBit(bits, offset, 1);
      return bits;
    };
    const counts = new Map([
      [0, 1],
      [5_000, 100],
      [7_777, 10_000],
      [10_000, PAGE_CELLS],
    ]);
    for (const [page, count] of counts) await put("whole", page, bitsOf(count));
    const { page, errors } = await openBoard(browser, `${instance.url}/?board=whole#all`, () => {
      // Time advances in leaps for drawing.
      const [now, frame] = [performance.now.bind(performance), requestAnimationFrame];
      performance.now = () => now() + Number(document.documentElement.dataset.leapMs ?? 0);
      window.requestAnimationFrame = (draw) => frame(() => draw(performance.now()));
    });
    const leap = () => page.evaluate(() => (document.documentElement.dataset.leapMs = "600000"));
    const plane = planeOf(SIZE);
    const { width, height } = await sizeOf(page);
    const scale = fitScale(plane, { width, height, density: 1, covered: 56 });
    const [left, top] = [width / 2 - (plane.columns / 2) * scale, height / 2 - (plane.rows / 2) * scale];
    const [empty, full, flash] = await Promise.all(
      ["--cell", "--accent", "--flash"].map((name) => styleColor(page, name)),
    );
    assert.ok(empty && full && flash);
    const shown = (pages: readonly number[]) =>
      colorsAt(
        page,
        pages.map((number) => {
          const { x, y } = placeOfPage(number);
          return [left + (x + 0.5) * SIDE * scale, top + (y + 0.5) * SIDE * scale];
        }),
      );
    const sharesOf = async (pages: readonly number[]) =>
      (await shown(pages)).map((color) => shareBetween(empty, full, color) ?? Number.NaN);

    await until("the full page is there", async () => ((await sharesOf([10_000]))[0] ?? 0) > 0.98);
    const shares = await sharesOf([20, ...counts.keys()]);
    assert.ok(Math.abs(shares[0] ?? 1) < 0.02, `an empty page is ${shares[0]}`);
    assert.ok(
      shares.every((share, index) => index === 0 || share - (shares[index - 1] ?? 1) > 0.1),
      `${shares}`,
    );
    // Among them nothing is drawn where nothing is checked.
    const around = [...counts.keys()].flatMap((number) => [number - 1, number + 1]).filter((number) => number > 0);
    for (const share of await sharesOf(around)) assert.ok(Math.abs(share) < 0.02, `${share}`);

    await put("whole", 12_000, bitsOf(1_000));
    await put("whole", 10_000, new Uint8Array(0));
    await until("both glow", async () => (await shown([12_000, 10_000])).every((color) => isNear(color, flash, 25)));
    await leap();
    await until("the new one is between one with fewer and one with more", async () => {
      const [fewer = 1, now = 0, more = 0] = await sharesOf([5_000, 12_000, 7_777]);
      return now - fewer > 0.05 && more - now > 0.05;
    });
    await until("the one that was cleared is empty", async () => Math.abs((await sharesOf([10_000]))[0] ?? 1) < 0.02);
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await styleColor(page, "--cell");
    await until("all has the other colours", async () =>
      (await shown([20, 10_000])).every((color) => isNear(color, dark)),
    );
    assert.equal(countBits((await store.read({ board: "whole", page: 12_000 })).bits), 1_000);
    assert.deepEqual(errors, []);
    await page.close();
  });
});
