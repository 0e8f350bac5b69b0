/*
 * The app on boards with claims: whose a checkbox is, without relying on colour, and how long it
 * still is. In real Chromium.
 */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { pageOf } from "../../src/board/geometry.js";
import type { Board } from "../../src/client/index.js";
import { launchChromium, openBoard } from "../support/browser.js";
import { type Color, colorsAt, contrastOf, isNear, sizeOf } from "../support/canvas-pixels.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

const FLAGS = {
  BOARDS: "seats=100,short=100,room=100,plain=100,race=100,touch=100,large=1000000,wide=1000000",
  CLAIMS: "seats=5m,short=2s,room=lease:4s,race=5m,touch=5m,large=5m,wide=5m",
};
const PITCH_PX = 24;

const cell = (page: Page, number: number) => page.locator(`input[data-cell="${number}"]`);
const owners = (page: Page, owner: string) => page.locator(`input[data-owner="${owner}"]`);
const field = (page: Page, name: string) => page.getByTestId(name);
const labelOf = (page: Page, number: number) => cell(page, number).getAttribute("aria-label");

async function untilText(page: Page, name: string, pattern: RegExp): Promise<void> {
  await until(`${name} says ${pattern}`, async () => pattern.test((await field(page, name).textContent()) ?? ""));
}

async function untilLabel(page: Page, number: number, pattern: RegExp): Promise<void> {
  await until(`checkbox ${number} is named ${pattern}`, async () => pattern.test((await labelOf(page, number)) ?? ""));
}

describe("the app on a board with claims", () => {
  let browser: Browser;
  let instance: LocalInstance;

  before(async () => {
    browser = await launchChromium();
    instance = await startInstance({ ...FLAGS, DATA_DIR: temporaryFolder({ after }) });
  });
  after(async () => {
    await browser.close();
    await instance.stop();
  });

  /** The board of somebody else, who has these cells until the end of the test. */
  async function somebodyElse(t: TestContext, name: string, ...cells: number[]): Promise<Board> {
    const { board, close } = await watchBoard(instance.url, name);
    t.after(async () => {
      await Promise.all(cells.map((each) => board.set(each, false)));
      close();
    });
    await Promise.all(cells.map((each) => board.set(each, true)));
    return board;
  }

  async function open(t: TestContext, path: string): Promise<Page> {
    const { page, errors } = await openBoard(browser, `${instance.url}/?board=${path}`);
    t.after(async () => {
      await page.context().close();
      assert.deepEqual(errors, []);
    });
    return page;
  }

  test("shows mine, others' and free, names them, counts down, and keeps mine over a reload", async (t) => {
    await somebodyElse(t, "seats", 3, 4);
    const page = await open(t, "seats");
    await until("two are taken", async () => (await owners(page, "taken").count()) === 2);
    await untilText(page, "message", /yours for 5 min.*Other people’s boxes have a cross, or are grey when small/);
    await untilText(page, "status-own", /^0$/);
    assert.equal(await labelOf(page, 3), "Checkbox 3, taken");
    assert.equal(await labelOf(page, 5), "Checkbox 5");
    const crossOf = (number: number) =>
      cell(page, number).evaluate(
        (input) => getComputedStyle(input).backgroundImage.split("linear-gradient").length - 1,
      );
    assert.deepEqual([await crossOf(3), await crossOf(5)], [2, 0], "two lines are a cross");

    await cell(page, 5).click();
    await until("it is theirs", async () => (await owners(page, "mine").count()) === 1);
    await untilLabel(page, 5, /^Checkbox 5, yours, (5:00|4:5\d) left$/);
    assert.equal(await crossOf(5), 0);
    await untilText(page, "status-own", /^1, 4:5\d left$/);
    await untilText(page, "message", /Checkbox 5 .* yours, 4:5\d left/);
    await untilText(page, "hold-note", /^Yours, 4:5\d left$/);
    const before = await field(page, "hold-note").textContent();
    await until("a second passes", async () => (await field(page, "hold-note").textContent()) !== before);
    await page.mouse.move(1, 1);
    await field(page, "hold-note").waitFor({ state: "hidden" });

    await page.reload();
    await until("it is still theirs", async () => (await owners(page, "mine").count()) === 1);
    await untilText(page, "status-own", /^1, 4:\d\d left$/);
    await cell(page, 5).click();
    await until("it was given back", async () => (await labelOf(page, 5)) === "Checkbox 5");
    await untilText(page, "status-own", /^0$/);
    assert.equal(await field(page, "announcer").textContent(), "", "nothing was lost");
  });

  test("takes no click on somebody else's box, says why, and takes one as soon as it is free", async (t) => {
    const other = await somebodyElse(t, "seats", 40);
    const page = await open(t, "seats");
    await until("it is taken", async () => (await cell(page, 40).getAttribute("data-owner")) === "taken");
    await cell(page, 40).click({ force: true });
    // The app's own words: the server has others.
    await field(page, "refusal-note")
      .filter({ hasText: "Somebody else has this checkbox. Choose a free one." })
      .waitFor();
    await untilText(page, "announcer", /Checkbox 40 was not changed\. Somebody else/);
    assert.equal(await cell(page, 40).isChecked(), true);
    assert.equal(await cell(page, 40).getAttribute("aria-disabled"), "true");
    await other.set(40, false);
    await until("it is free", async () => (await labelOf(page, 40)) === "Checkbox 40");
    assert.equal(await cell(page, 40).getAttribute("aria-disabled"), null);
    await cell(page, 40).click();
    await until("it is theirs", async () => (await cell(page, 40).getAttribute("data-owner")) === "mine");
    await cell(page, 40).click();
    await until("it was given back", () => other.get(40) === false);
  });

  test("takes back a click that came second, says so, and shows that the box is taken", async (t) => {
    const page = await (await browser.newContext()).newPage();
    t.after(() => page.context().close());
    let isHeld = false;
    const held: (() => void)[] = [];
    await page.routeWebSocket(/./, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => {
        if (isHeld) held.push(() => socket.send(message));
        else socket.send(message);
      });
    });
    await page.goto(`${instance.url}/?board=race`);
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    await untilText(page, "status-connection", /Live/);
    isHeld = true;
    const other = await somebodyElse(t, "race", 7);
    await cell(page, 7).click();
    assert.equal(await cell(page, 7).isChecked(), true, "it is shown as checked, as nothing else is known");
    assert.equal(await cell(page, 7).getAttribute("data-owner"), null);
    await until("the answer has come", () => held.length > 0);
    isHeld = false;
    for (const release of held) release();
    await field(page, "refusal-note").filter({ hasText: "Already taken by somebody else" }).waitFor();
    await until("it is taken", async () => (await labelOf(page, 7)) === "Checkbox 7, taken");
    assert.equal(await cell(page, 7).isChecked(), true);
    assert.equal(other.mine.has(7), true, "it is still the other's");
  });

  test("says that the time is up when a hold ends, to a screen reader too", async (t) => {
    const page = await open(t, "short");
    await cell(page, 8).click();
    await until("it is theirs", async () => (await cell(page, 8).getAttribute("data-owner")) === "mine");
    await page.mouse.move(1, 1);
    await untilText(page, "announcer", /Checkbox 8 is no longer yours: the time is up\./);
    await untilText(page, "message", /Checkbox 8 is no longer yours: the time is up\./);
    await until(
      "it is free",
      async () => (await labelOf(page, 8)) === "Checkbox 8" && !(await cell(page, 8).isChecked()),
    );
  });

  test("does not read out every second to a screen reader, and shows the note to keyboard users", async (t) => {
    const page = await open(t, "seats");
    await cell(page, 60).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
    await untilLabel(page, 61, /^Checkbox 61, yours, /);
    const spoken = await labelOf(page, 61);
    await untilText(page, "hold-note", /^Yours, 4:57 left$/);
    assert.equal(await labelOf(page, 61), spoken);
    await page.keyboard.press("ArrowRight");
    await field(page, "hold-note").waitFor({ state: "hidden" });
    await untilLabel(page, 61, /4:5[0-7] left$/);
  });

  test("shows a lease without a countdown", async (t) => {
    const page = await open(t, "room");
    await cell(page, 5).hover();
    await cell(page, 5).click();
    await untilLabel(page, 5, /^Checkbox 5, yours while you are here$/);
    await untilText(page, "message", /yours while you are here/);
    await untilText(page, "status-own", /^1$/);
    assert.equal(await field(page, "hold-note").isVisible(), false);
  });

  test("on a phone shows the time in the line, no note over other boxes, and nothing beside the screen", async (t) => {
    const context = await browser.newContext({ viewport: { width: 320, height: 480 }, hasTouch: true, isMobile: true });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`${instance.url}/?board=touch`);
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    await cell(page, 5).tap();
    await cell(page, 6).tap();
    await untilText(page, "message", /Checkbox 6 .* yours, 4:5\d left/);
    await untilText(page, "status-own", /^2, (first ends in 4:5\d|4:5\d left)$/);
    assert.equal(await field(page, "hold-note").isVisible(), false);
    const header = await page.locator(".header").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
    assert.equal(header, 0, "the header is wider than the screen");
  });

  test("without claims is as it was", async (t) => {
    await somebodyElse(t, "plain", 3);
    const page = await open(t, "plain");
    await until("it is checked", () => cell(page, 3).isChecked());
    assert.equal(await labelOf(page, 3), "Checkbox 3");
    assert.equal(await page.locator("input[data-owner]").count(), 0);
    assert.equal(await field(page, "status-own").count(), 0);
    await cell(page, 3).click();
    await until("anybody may change it", async () => !(await cell(page, 3).isChecked()));
    await untilText(page, "message", /^Checkbox 3 · row 1, column 4$/);
  });

  /** The box `across` cells from the middle, above and below the middle of its height. */
  async function lookOf(page: Page, across: number): Promise<{ middle: Color; below: Color; diagonal: Color }> {
    const { width, height } = await sizeOf(page);
    const [x, y] = [width / 2 + across * PITCH_PX, height / 2];
    const places = [
      [x, y],
      [x, y + PITCH_PX * 0.3],
      // On the cross, and beside the check.
      [x - PITCH_PX * 0.12, y - PITCH_PX * 0.12],
    ] as const;
    const [middle = [0, 0, 0], below = [0, 0, 0], diagonal = [0, 0, 0]] = await colorsAt(page, places);
    return { middle, below, diagonal };
  }

  for (const media of [{}, { colorScheme: "dark" }, { forcedColors: "active" }] as const) {
    test(`draws a cross in others' boxes and a check in mine, in ${JSON.stringify(media)}`, async (t) => {
      await somebodyElse(t, "large", 40_001);
      const page = await open(t, `large#cell=40000&zoom=${PITCH_PX}`);
      await page.emulateMedia({ ...media, reducedMotion: "reduce" });
      const canvas = await field(page, "canvas").boundingBox();
      assert.ok(canvas, "no canvas");
      await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
      await page.mouse.move(canvas.x + 5, canvas.y + canvas.height - 5);
      await untilText(page, "status-own", /^1, 4:5\d left$/);
      // The ring of the focus is around the box, and no part of what is compared.
      await until("the box of the user and that of somebody else differ in their shapes", async () => {
        const [mine, taken, free] = [await lookOf(page, 0), await lookOf(page, 1), await lookOf(page, 2)];
        const isCrossed = contrastOf(taken.diagonal, taken.below) >= 3;
        const isFilled = contrastOf(mine.below, free.below) >= 3 && isNear(mine.below, mine.diagonal, 8);
        return isCrossed && isFilled && isNear(free.below, free.diagonal);
      });
      assert.equal(await labelOf(page, 40_001), "Checkbox 40001, taken");
      assert.match((await labelOf(page, 40_000)) ?? "", /^Checkbox 40000, yours, /);
      await page.keyboard.press("Space");
      await untilText(page, "status-own", /^0$/);
    });
  }

  test("rings mine where boxes are small, and stays with them when the view goes elsewhere", async (t) => {
    const other = await somebodyElse(t, "wide", ...Array.from({ length: 20 }, (_, index) => 50_001 + index));
    const page = await open(t, `wide#cell=50000&zoom=${PITCH_PX}`);
    const canvas = await field(page, "canvas").boundingBox();
    assert.ok(canvas, "no canvas");
    await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
    await untilText(page, "status-own", /^1, /);
    await page.mouse.move(1, 1);
    await page.evaluate(() => {
      location.hash = "#cell=50010&zoom=8";
    });
    const { width, height } = await sizeOf(page);
    /** How often light and dark alternate along the box. */
    const stepsIn = async (across: number) => {
      const places = Array.from({ length: 9 }, (_, index) => [width / 2 + across * 8 - 4 + index, height / 2] as const);
      const row = await colorsAt(page, places);
      return row.slice(1).filter((color, index) => contrastOf(color, row[index] ?? color) >= 3).length;
    };
    await until("a ring around mine, and none around another", async () => {
      return (await stepsIn(-10)) >= 4 && (await stepsIn(-4)) < 3;
    });
    // The page of the focused cell would stay for its own sake.
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    // Away over a page without any of theirs, which is let go after a while.
    const go = (to: number) =>
      page.evaluate((hash) => {
        location.hash = hash;
      }, `#cell=${to}&zoom=24`);
    const watchersOf = (number: number) => other.overview?.watchers(pageOf(number)) ?? 0;
    await other.watchOverview().ready;
    await go(500_000);
    await until("its page is watched", () => watchersOf(500_000) === 2);
    await go(900_000);
    await until("its page is let go", () => watchersOf(500_000) === 1);
    assert.equal(watchersOf(50_000), 2);
    await untilText(page, "status-own", /^1, /);
  });

  test("draws, erases and undoes around others' boxes, and says so once", async (t) => {
    const other = await somebodyElse(t, "large", 60_001, 60_002);
    const page = await open(t, `large#cell=60000&zoom=${PITCH_PX}`);
    const canvas = await field(page, "canvas").boundingBox();
    assert.ok(canvas, "no canvas");
    const at = (across: number) =>
      [canvas.x + canvas.width / 2 + across * PITCH_PX, canvas.y + canvas.height / 2] as const;
    const stroke = async (tool: string, from: number, to: number) => {
      await field(page, `tool-${tool}`).click();
      await page.mouse.move(...at(from));
      await page.mouse.down();
      await page.mouse.move(...at(to), { steps: 4 });
      await page.mouse.up();
    };
    const shown = () => Array.from({ length: 6 }, (_, index) => (other.get(59_999 + index) ? "1" : "0")).join("");
    await stroke("draw", -1, 4);
    await until("the stroke is drawn", () => shown() === "111111");
    await untilText(page, "status-own", /^4, /);
    await stroke("erase", -1, 4);
    await until("the user's own are erased", () => shown() === "001100");
    await field(page, "refusal-note").filter({ hasText: "Somebody else has this checkbox" }).waitFor();
    await field(page, "undo").click();
    await until("they are back", () => shown() === "111111");
    assert.deepEqual(
      [...other.mine.keys()].filter((each) => each >= 59_999 && each < 60_005),
      [60_001, 60_002],
    );
    await field(page, "undo").click();
    await until("and gone", () => shown() === "001100");
  });
});
