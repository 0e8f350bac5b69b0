/* The overview in the page: what one person does far away, as another sees it. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { cellAt, pageOf } from "../../src/board/geometry.js";
import { placeOfPage, planeOf } from "../../src/board/plane.js";
import { openBoard } from "../support/browser.js";
import { type Color, colorsAt, isNear, sizeOf, styleColor } from "../support/canvas-pixels.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";

/** Few enough pages that each is some pixels of the minimap. */
const SIZE = 4_000_000;
const PLANE = planeOf(SIZE);
/** One page in the upper left, and one far from it. */
const HERE = cellAt(0, 128 * 256 + 128);
const FAR_PAGE = 43;
const FAR = cellAt(FAR_PAGE, 100 * 256 + 100);

const textOf = async (page: Page, testId: string) => (await page.getByTestId(testId).textContent()) ?? "";
const cellIn = (page: Page) => Number(/#cell=(\d+)/.exec(page.url())?.[1]);
const zoomIn = (page: Page) => Number(/&zoom=([\d.]+)/.exec(page.url())?.[1]);

/** A page on the minimap: its middle, its edge, and what is in between. */
async function minimapAt(page: Page, number: number): Promise<Record<"middle" | "edge" | "between", Color>> {
  const { width } = await sizeOf(page, "minimap");
  const side = width / PLANE.pageColumns;
  const { x, y } = placeOfPage(number);
  const [middle, edge, between] = await colorsAt(
    page,
    [0.5, 0.05, 0.27].map((share) => [(x + share) * side, (y + 0.5) * side]),
    "minimap",
  );
  assert.ok(middle && edge && between);
  return { middle, edge, between };
}

describe("the overview in the page", () => {
  let browser: Browser;
  let instances: Site["instances"];
  let stop: Site["stop"];

  before(async () => {
    ({ browser, instances, stop } = await startSite(
      { after },
      [1, 2].map(() => ({ BOARDS: `main=${SIZE}` })),
    ));
  });
  after(() => stop());

  test("shows how many people there are, where they look, what they check, and leads there", async () => {
    const open = (instance: number, cell: number) =>
      openBoard(browser, `${instances[instance]?.url}/?board=main#cell=${cell}&zoom=24`);
    const { page: one, errors } = await open(0, HERE);
    const [empty, focus, flash] = await Promise.all(
      ["--cell", "--focus", "--flash"].map((name) => styleColor(one, name)),
    );
    assert.ok(empty && focus && flash);
    await until("nothing is checked", async () => /^0 of 4,000,000$/.test(await textOf(one, "status-checked")));
    await until("one is online", async () => /^1$/.test(await textOf(one, "status-online")));
    const before = await minimapAt(one, FAR_PAGE);
    for (const color of Object.values(before)) assert.ok(isNear(color, empty), `${color}`);
    assert.match(await textOf(one, "places"), /Quiet right now/);

    const { page: two } = await open(1, FAR);
    await until("two are online, on two instances", async () => /^2$/.test(await textOf(one, "status-online")));
    await until("a dot says where the other looks", async () => isNear((await minimapAt(one, FAR_PAGE)).middle, focus));
    assert.ok(isNear((await minimapAt(one, FAR_PAGE)).edge, empty), "nothing is happening there yet");
    assert.ok(
      !isNear((await minimapAt(two, FAR_PAGE)).middle, focus),
      "the overview does not mark the place where this user looks",
    );

    const box = await two.getByTestId("canvas").boundingBox();
    assert.ok(box);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await two.mouse.click(x, y);
    await until("the total counts it", async () => /^1 of 4,000,000$/.test(await textOf(one, "status-checked")));
    await until("the page glows at its edge", async () => {
      const { edge, between } = await minimapAt(one, FAR_PAGE);
      const towards = (index: 0 | 1 | 2) =>
        Math.abs(edge[index] - flash[index]) < Math.abs(empty[index] - flash[index]);
      // Inside there is the page's picture, or its density until that has come.
      return !isNear(edge, empty, 10) && towards(2) && !isNear(between, edge, 10);
    });
    const entry = one.getByTestId("places").getByRole("button");
    await until("the place is listed", async () =>
      /^Near checkbox \d+$/.test((await entry.first().textContent()) ?? ""),
    );
    assert.equal(await entry.count(), 1);
    assert.equal(
      await entry.textContent(),
      `Near checkbox ${cellAt(FAR_PAGE, 0)}`,
      "of a page that is not here no cell is known",
    );

    await entry.click();
    await until("the page is in the middle, whole", () => pageOf(cellIn(one)) === FAR_PAGE && zoomIn(one) < 24);
    await one.locator("[data-testid=grid]").waitFor({ state: "attached" });
    await two.mouse.click(x + 24, y);
    await until(
      "now the cell is known",
      async () => (await entry.first().textContent()) === `Near checkbox ${FAR + 1}`,
    );
    await entry.first().click();
    await until("and the view is at it", () => cellIn(one) === FAR + 1 && zoomIn(one) >= 24);
    await one.goBack();
    await one.goBack();
    await until("back is where it began", () => cellIn(one) === HERE);

    await two.close();
    await until("alone again", async () => /^1$/.test(await textOf(one, "status-online")));
    await until(
      "and no dot",
      async () => !isNear((await minimapAt(one, FAR_PAGE)).middle, focus),
      // The user's own recent presence there is left out for this long.
      20_000,
    );
    assert.deepEqual(errors, []);
    await one.close();
  });
});
