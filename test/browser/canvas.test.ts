/* Large boards on the canvas, in real Chromium, served by real instances. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { packChanges } from "../../src/board/delta.js";
import { type Board, type Client, connect } from "../../src/client/index.js";
import { decodeDown, decodeUp } from "../../src/protocol/lane.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { newTag } from "../../src/store/tag.js";
import { openBoard } from "../support/browser.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";
import { freePort } from "../support/valkey-server.js";

const PITCH_PX = 24;
const PAGE_SIDE = 256;
const LIMITS = { WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" };
const BOARDS =
  "draw=1000000,keys=1000000000,move=1000000,far=1000000000,sight=1000000000,touch=1000000,refuse=1000000,back=1000000,leave=1000000,fill=1000000,free=1000000,view=1000000,tiles=1000000,mine=1000000,pan=1000000";

const at = (board: string, cell: number, zoom = PITCH_PX) => `/?board=${board}#cell=${cell}&zoom=${zoom}`;

/** A point of the canvas, in cells from the one in its middle. */
async function pointAt(page: Page, across = 0, down = 0, pitch = PITCH_PX) {
  const box = await page.getByTestId("canvas").boundingBox();
  assert.ok(box);
  return { x: box.x + box.width / 2 + across * pitch, y: box.y + box.height / 2 + down * pitch };
}

/** Whether the canvas shows the cell as checked: by the colour in its corner, where there is neither check nor number. */
async function isPainted(page: Page, across = 0, down = 0, pitchPx = PITCH_PX): Promise<boolean> {
  return page.evaluate(
    ([across, down, pitch]) => {
      const canvas = document.querySelector<HTMLCanvasElement>("[data-testid=canvas]");
      const context = canvas?.getContext("2d");
      if (!canvas || !context) return false;
      const x = Math.round(canvas.width / 2 + across * pitch + pitch * 0.3);
      const y = Math.round(canvas.height / 2 + down * pitch + pitch * 0.3);
      const [red = 0, green = 0] = context.getImageData(x, y, 1, 1).data;
      return green - red > 60;
    },
    [across, down, pitchPx] as const,
  );
}

async function untilPainted(page: Page, across: number, down = 0, isChecked = true, pitchPx = PITCH_PX): Promise<void> {
  await until(`the cell ${across}, ${down} from the middle shows ${isChecked}`, async () => {
    return (await isPainted(page, across, down, pitchPx)) === isChecked;
  });
}

/** Draws from the left to the right of the middle, so many cells each way. */
async function strokeAcross(page: Page, cells: number, tool = "draw"): Promise<void> {
  await page.getByTestId(`tool-${tool}`).click();
  const [from, to] = [await pointAt(page, -cells), await pointAt(page, cells)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y);
  await page.mouse.up();
}

const focused = (page: Page) => page.evaluate(() => Number(document.activeElement?.getAttribute("data-cell") ?? -1));
const placeIn = (page: Page) => /#cell=(\d+)&zoom=([\d.]+)/.exec(page.url());

describe("the canvas", () => {
  let browser: Browser;
  let store: EmbeddedStore;
  let instances: Site["instances"];
  let stop: Site["stop"];
  let client: Client;

  before(async () => {
    ({ browser, store, instances, stop } = await startSite(
      { after },
      [1, 2].map(() => ({ BOARDS, ...LIMITS })),
    ));
    client = connect(instances[1]?.url ?? "");
  });
  after(() => {
    client.close();
    return stop();
  });

  const url = (path: string, instance = 0) => `${instances[instance]?.url}${path}`;
  const read = async (name: string, cell: number): Promise<Board> => {
    const board = client.board(name);
    await board.watch({ start: cell, end: cell + 1 }).ready;
    return board;
  };

  test("a click and a drawn line show on a page of another instance; undo and redo do too", async () => {
    const [one, two] = await Promise.all(
      [0, 1].map((instance) => openBoard(browser, url(at("draw", 40_000), instance))),
    );
    assert.ok(one && two);
    const middle = await pointAt(one.page);
    await one.page.mouse.click(middle.x, middle.y);
    await untilPainted(two.page, 0);

    await one.page.getByTestId("tool-draw").click();
    const [from, to] = [await pointAt(one.page, -6, 2), await pointAt(one.page, 6, 5)];
    await one.page.mouse.move(from.x, from.y);
    await one.page.mouse.down();
    // In one step, faster than any hand: the line must have no holes.
    await one.page.mouse.move(to.x, to.y);
    await one.page.mouse.up();
    const board = await read("draw", 40_000);
    const columns = Array.from({ length: 13 }, (_, index) => index - 6);
    const isWhole = () =>
      columns.every((across) => [2, 3, 4, 5].some((down) => board.get(40_000 + across + down * PAGE_SIDE)));
    await until("every column of the line is set", isWhole);
    await untilPainted(two.page, -6, 2);
    await untilPainted(two.page, 6, 5);

    await one.page.getByTestId("undo").click();
    await untilPainted(two.page, 6, 5, false);
    await untilPainted(two.page, 0, 0, true);
    await one.page.getByTestId("redo").click();
    await untilPainted(two.page, 6, 5);
    for (const across of [6, 0]) {
      await one.page.keyboard.press("Control+z");
      await untilPainted(two.page, across, across === 6 ? 5 : 0, false);
    }
    assert.deepEqual([...one.errors, ...two.errors], []);
    await Promise.all([one.page.close(), two.page.close()]);
  });

  test("numbered boxes show what others change, before and after the view moved", async () => {
    const pitchPx = 56;
    const { page } = await openBoard(browser, url(at("tiles", 40_000, pitchPx)));
    const board = client.board("tiles");
    for (const middle of [40_000, 40_007]) {
      await page.getByTestId("go-to-number").fill(String(middle));
      await page.keyboard.press("Enter");
      await until("it is in the middle", () => Number(placeIn(page)?.[1]) === middle);
      for (const value of [true, false, true]) {
        for (const across of [0, 1, -3]) await board.set(middle + across, value);
        for (const across of [0, 1, -3]) await untilPainted(page, across, 0, value, pitchPx);
      }
      assert.equal(await isPainted(page, 2, 0, pitchPx), false);
    }
    await page.close();
  });

  test("after zooms and moves, boxes are drawn as they are at their size, and nothing more is drawn", async () => {
    // A link with a place would mark a box for some seconds, and motion would go on drawing frames.
    const { page } = await openBoard(browser, `${instances[0]?.url}/?board=tiles`);
    await page.emulateMedia({ reducedMotion: "reduce" });
    // No frame has time for all boxes.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 10 });
    /**
     * The picture once the app has asked for no frame for 12 frames. It may rest for 0.1 s in
     * between. A frame may draw boxes again that look the same, so equal pictures do not tell.
     */
    const picture = () =>
      page.evaluate(async () => {
        const request = window.requestAnimationFrame;
        let asked = true;
        window.requestAnimationFrame = (callback) => {
          asked = true;
          return request(callback);
        };
        while (asked) {
          asked = false;
          for (let frames = 0; frames < 12; frames++) await new Promise(request);
        }
        window.requestAnimationFrame = request;
        return document.querySelector<HTMLCanvasElement>("[data-testid=canvas]")?.toDataURL();
      });
    for (const key of ["-", "ArrowRight", "+", "ArrowDown", "+", "-"]) await page.keyboard.press(key);
    const before = await picture();
    // Other colours need other boxes: all are drawn again.
    await page.emulateMedia({ colorScheme: "dark" });
    await until("the boxes are dark", async () => (await picture()) !== before);
    await page.emulateMedia({ colorScheme: "light" });
    await until("the boxes are as they were", async () => (await picture()) === before);
    await page.close();
  });

  test("a rectangle is shown while it is drawn, and filled at its end; one that is broken off is not", async () => {
    const { page } = await openBoard(browser, url(at("fill", 40_000)));
    const board = await read("fill", 40_000);
    await page.getByTestId("tool-fill").click();
    const [from, to] = [await pointAt(page, -2, -1), await pointAt(page, 2, 1)];
    const draw = async () => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y);
    };
    const middle = () =>
      page.getByTestId("canvas").evaluate((canvas) => {
        if (!(canvas instanceof HTMLCanvasElement)) return "";
        return String(canvas.getContext("2d")?.getImageData(canvas.width / 2 + 7, canvas.height / 2 + 7, 1, 1).data);
      });
    const empty = await middle();
    await draw();
    await until("it is shown", async () => (await middle()) !== empty);
    await page
      .getByTestId("canvas")
      .evaluate((canvas) => canvas.dispatchEvent(new PointerEvent("pointercancel", { pointerId: 1, bubbles: true })));
    await until("it is gone", async () => (await middle()) === empty);
    await page.mouse.up();
    assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true", "nothing was filled");
    await draw();
    await page.mouse.up();
    await until("15 cells are set", () => board.checked === 15);
    for (const [across, down] of [
      [-2, -1],
      [2, 1],
      [0, 0],
    ] as const) {
      assert.equal(board.get(40_000 + across + down * PAGE_SIDE), true);
    }
    await page.close();
  });

  test("wheel, keys and buttons zoom; the link follows, opens the same place, and back returns from a jump", async () => {
    const { page } = await openBoard(browser, url(at("move", 40_000)));
    const { x, y } = await pointAt(page);
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -200);
    await until("the wheel has zoomed in", () => Number(placeIn(page)?.[2]) > PITCH_PX);
    const named = async () => /Checkbox (\d+)/.exec((await page.getByTestId("message").textContent()) ?? "")?.[1];
    await until("the cell under the pointer is named", async () => (await named()) === "40000");
    await page.keyboard.press("ArrowRight");
    await until("and the one that comes under it", async () => Number(await named()) > 40_000);
    await page.keyboard.press("ArrowLeft");
    await until("the view is back", () => Number(placeIn(page)?.[1]) === 40_000);
    const other = await openBoard(browser, page.url());
    await until("the other page is at the same place", () => placeIn(other.page)?.[0] === placeIn(page)?.[0]);
    await other.page.close();

    await page.locator("[data-testid=grid] input[tabindex='0']").focus();
    const before = Number(placeIn(page)?.[2]);
    await page.keyboard.press("-");
    await until("the key has zoomed out", () => Number(placeIn(page)?.[2]) < before);
    const here = Number(placeIn(page)?.[1]);
    await page.getByTestId("go-to-number").fill("700000");
    await page.keyboard.press("Enter");
    await until("the jump has arrived", () => Number(placeIn(page)?.[1]) === 700_000);
    assert.equal(await focused(page), 700_000, "and the focus with it");
    await page.goBack();
    await until("back is where it was", () => Number(placeIn(page)?.[1]) === here);
    await page.goForward();
    await until("forward is there again", () => Number(placeIn(page)?.[1]) === 700_000);
    await page.getByTestId("zoom-fit").click();
    await until("the whole board needs no place", () => placeIn(page) === null);
    await page.close();
  });

  test("a drag moves the view and checks nothing; the buttons zoom in and out", async () => {
    const { page } = await openBoard(browser, url(at("pan", 40_000)));
    const [from, to] = [await pointAt(page, 5), await pointAt(page, -5)];
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(to.x, to.y, { steps: 4 });
    await page.mouse.up();
    // And further, as it was thrown.
    await until("it has moved to the right", () => Number(placeIn(page)?.[1]) >= 40_010);
    const scale = () => Number(placeIn(page)?.[2]);
    await page.getByTestId("zoom-in").click();
    await until("twice as large", () => scale() === 2 * PITCH_PX);
    await page.getByTestId("zoom-out").click();
    await page.getByTestId("zoom-out").click();
    await until("and half as large", () => scale() === PITCH_PX / 2);
    assert.equal((await read("pan", 40_000)).checked, 0);
    assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true");
    await page.close();
  });

  test("the own changes are gone to, the newest first, also when there are more than are kept", async () => {
    const { page } = await openBoard(browser, url(at("mine", 40_000)));
    const click = async (across: number, down: number) => {
      const { x, y } = await pointAt(page, across, down);
      await page.mouse.click(x, y);
    };
    const goes = async (way: "previous" | "next", cell: number) => {
      await page.getByTestId(`mine-${way}`).click();
      assert.equal(await focused(page), cell);
    };
    await click(0, 0);
    await page.getByTestId("go-to-number").fill("700000");
    await page.keyboard.press("Enter");
    await until("the jump has arrived", () => Number(placeIn(page)?.[1]) === 700_000);
    await until("its page is here", async () => {
      await click(0, 0);
      return await page.locator("input[data-cell='700000']").isChecked();
    });
    await goes("previous", 700_000);
    await goes("previous", 40_000);
    assert.equal(await page.getByTestId("mine-previous").getAttribute("aria-disabled"), "true");
    await until("the view is there", () => Number(placeIn(page)?.[1]) === 40_000);
    await goes("next", 700_000);
    assert.equal(await page.getByTestId("mine-next").getAttribute("aria-disabled"), "true");
    await until("the view is there", () => Number(placeIn(page)?.[1]) === 700_000);

    const { x, y } = await pointAt(page, 1, 0);
    for (let times = 0; times < 200; times++) await page.mouse.click(x, y);
    await goes("previous", 700_001);
    await goes("previous", 700_001);
    await until("it is in the middle", () => Number(placeIn(page)?.[1]) === 700_001);
    await click(3, 0);
    await goes("previous", 700_004);
    await page.close();
  });

  test("on a touch screen two fingers zoom, one moves, a tap checks", async () => {
    const context = await browser.newContext({ hasTouch: true, viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    await page.goto(url(at("touch", 40_000)));
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    const middle = await pointAt(page);
    await page.touchscreen.tap(middle.x, middle.y);
    const board = await read("touch", 40_000);
    await until("the tap is stored", () => board.get(40_000) === true);

    const session = await context.newCDPSession(page);
    const touch = (
      type: "touchStart" | "touchMove" | "touchEnd",
      touchPoints: { x: number; y: number; id: number }[],
    ) => session.send("Input.dispatchTouchEvent", { type, touchPoints });
    const fingers = (apart: number) => [-1, 1].map((side, id) => ({ x: middle.x + side * apart, y: middle.y, id }));
    await touch("touchStart", fingers(40));
    for (const apart of [50, 60, 70, 80]) await touch("touchMove", fingers(apart));
    await touch("touchEnd", []);
    await until("twice as far apart is twice as large", () => Math.abs(Number(placeIn(page)?.[2]) - 2 * PITCH_PX) <= 2);
    assert.equal(Number(placeIn(page)?.[1]), 40_000, "and in the same place");

    await touch("touchStart", [{ ...middle, id: 0 }]);
    for (const moved of [40, 80, 120]) await touch("touchMove", [{ x: middle.x - moved, y: middle.y, id: 0 }]);
    await touch("touchEnd", []);
    await until("it has moved to the right", () => Number(placeIn(page)?.[1]) > 40_000);
    await context.close();
  });

  test("with the keyboard alone, the last of 1,000,000,000 is reached and toggled", async () => {
    const { page } = await openBoard(browser, url("/?board=keys"));
    await page.locator("[data-testid=grid] input[tabindex='0']").focus();
    await page.keyboard.press("Control+End");
    await until("the last cell has the focus", async () => (await focused(page)) === 999_999_999);
    const last = page.locator('input[data-cell="999999999"]');
    await until("it is here", () =>
      last.evaluate((input) => input instanceof HTMLInputElement && !input.indeterminate),
    );
    await page.keyboard.press("Space");
    const board = await read("keys", 999_999_999);
    await until("it is set for everybody", () => board.get(999_999_999) === true);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await focused(page), 999_999_998);
    await page.keyboard.press("ArrowUp");
    assert.equal(await focused(page), 999_999_998 - PAGE_SIDE);
    await page.keyboard.press("Control+Home");
    assert.equal(await focused(page), 0);
    await page.close();
  });

  test("the accessibility tree has the whole grid's measure and the focused checkbox with its state", async () => {
    const board = await read("keys", 70_000);
    await board.set(70_000, true);
    const { page } = await openBoard(browser, url(at("keys", 70_000)));
    await page.locator("[data-testid=grid] input[tabindex='0']").focus();
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const found = (role: string) => nodes.filter((node) => !node.ignored && node.role?.value === role);
    const property = (node: (typeof nodes)[number] | undefined, name: string): unknown =>
      node?.properties?.find((each) => each.name === name)?.value.value;
    assert.equal(found("grid").length, 1);
    assert.match(String(found("grid")[0]?.name?.value), /Board keys, 1,000,000,000 checkboxes/);
    const boxes = found("checkbox");
    assert.equal(boxes.length, 9, "the focus and its neighbours");
    const focusedBox = boxes.find((node) => property(node, "focused") === true);
    assert.equal(focusedBox?.name?.value, "Checkbox 70000");
    assert.equal(property(focusedBox, "checked"), "true");
    assert.equal(found("gridcell").length, 9);
    for (const name of ["Draw", "Erase", "Undo", "Zoom in", "Show the whole board"]) {
      assert.ok(
        found("button").some((node) => node.name?.value === name),
        name,
      );
    }
    const grid = page.getByTestId("grid");
    assert.equal(await grid.getAttribute("aria-rowcount"), String(124 * PAGE_SIDE));
    const row = page.locator('[role=row]:has(input[data-cell="70000"])');
    assert.equal(await row.getAttribute("aria-rowindex"), String(Math.floor((70_000 - 65_536) / PAGE_SIDE) + 1));

    await board.set(70_000, false);
    await until("the change under the focus is told", async () =>
      /Checkbox 70000 is now unchecked/.test((await page.getByTestId("focus-announcer").textContent()) ?? ""),
    );
    // In an element of its own each time, or a screen reader would not hear the same words again.
    const announced = page.locator("[data-testid=focus-announcer] p");
    const first = await announced.elementHandle();
    await board.set(70_000, true);
    await board.set(70_000, false);
    await until("the same is told again", async () => {
      const isAnother = await announced.evaluate((element, before) => element !== before, first);
      return isAnother && /is now unchecked/.test((await announced.textContent()) ?? "");
    });
    await page.close();
  });

  test("only pages in sight are watched, and what is left behind is let go", async () => {
    const instance = await startInstance({ BOARDS: "sight=1000000000", ...LIMITS }, store);
    const { page } = await openBoard(browser, `${instance.url}${at("sight", 100 * 65_536 + 32_896)}`);
    const watches = async () => {
      const text = await (await fetch(`${instance.url}/metrics`)).text();
      return Number(/^socketscaler_watches (\d+)/m.exec(text)?.[1]);
    };
    await until("one page is watched", async () => (await watches()) === 1);
    const drawn = 100 * 65_536 + 32_896;
    await strokeAcross(page, 1);
    const board = await read("sight", drawn);
    await until("the stroke is stored", () => board.get(drawn) === true);
    for (const cell of [300_000_000, 600_000_000, 900_000_000]) {
      await page.getByTestId("go-to-number").fill(String(cell));
      await page.keyboard.press("Enter");
      await until("the jump has arrived", () => Number(placeIn(page)?.[1]) === cell);
    }
    assert.ok((await watches()) >= 2, "what was seen a moment ago is kept");
    await until("the pages left behind are let go", async () => (await watches()) <= 2, 30_000);
    await page.keyboard.press("Control+z");
    await until("a stroke on such a page is undone all the same", () => board.get(drawn) === false);
    await page.close();
    await instance.stop();
  });

  test("the first picture waits for the overview and two pages, however many are in sight", async () => {
    const page = await (await browser.newContext()).newPage();
    const asked: string[] = [];
    let requests = 0;
    let askedBefore: number | undefined;
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => {
        const message = typeof payload === "string" ? undefined : decodeUp(payload);
        if (message?.kind !== "request" || message.name !== "watch") return;
        requests++;
        const { pages } = message.request as { pages: unknown[] };
        asked.push(...pages.map(String));
      });
      socket.on("framereceived", ({ payload }) => {
        const message = typeof payload === "string" ? undefined : decodeDown(payload, undefined);
        if (message?.kind === "overview") askedBefore ??= asked.length;
      });
    });
    await page.goto(url("/?board=move#all"));
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    assert.ok(askedBefore !== undefined && askedBefore <= 2, `${askedBefore} pages were asked for before it`);
    assert.equal(asked.length, 16);
    assert.equal(requests, 2, "the first, and then all others in one");
    await page.close();
  });

  test("a refused stroke is shown at its cells, which show the truth again, and said", async () => {
    const faulty = new FaultyStore(store);
    const instance = await startInstance({ BOARDS, ...LIMITS }, faulty);
    const { page } = await openBoard(browser, `${instance.url}${at("refuse", 40_000)}`);
    faulty.judgesStale = true;
    await strokeAcross(page, 1);
    await until("the note says why", async () =>
      /dropped\. Make it again/.test((await page.getByTestId("refusal-note").textContent()) ?? ""),
    );
    for (const across of [-1, 0, 1]) await untilPainted(page, across, 0, false);
    assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true", "there is nothing to undo");
    await page.close();
    await instance.stop();
  });

  test("keys work although nothing has the focus, and escape takes back what is being drawn", async () => {
    const { page } = await openBoard(browser, url(at("free", 40_000)));
    const board = await read("free", 40_000);
    const noFocus = () => page.evaluate(() => document.activeElement === document.body);
    await strokeAcross(page, 2);
    await until("the stroke is stored", () => board.checked === 5);
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    assert.ok(await noFocus());
    await page.keyboard.press("Control+z");
    await until("it is taken back", () => board.checked === 0);
    await page.keyboard.press("Control+Shift+z");
    await until("it is drawn again", () => board.checked === 5);
    await page.keyboard.press("d");
    const from = await pointAt(page, 0, 3);
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x + 2 * PITCH_PX, from.y);
    await until("a stroke has begun", () => board.checked === 8);
    await page.keyboard.press("Escape");
    await page.mouse.move(from.x + 4 * PITCH_PX, from.y);
    await page.mouse.up();
    await until("it is taken back", () => board.checked === 5);
    await page.keyboard.press("ArrowRight");
    await until("arrows move the view", () => Number(placeIn(page)?.[1]) > 40_000);
    const before = Number(placeIn(page)?.[2]);
    await page.keyboard.press("+");
    await until("plus zooms in", () => Number(placeIn(page)?.[2]) > before);
    await page.getByTestId("go-to-number").fill("12");
    await page.keyboard.press("d");
    assert.equal(await page.getByTestId("go-to-number").inputValue(), "12d", "but not those of a text");
    await page.close();
  });

  test("who may only look has no tools to draw with, is told so, and why a click changes nothing", async () => {
    const instance = await startInstance({ BOARDS, ACCESS: "read-only", ...LIMITS }, store);
    const { page } = await openBoard(browser, `${instance.url}${at("view", 40_000)}`);
    assert.equal(await page.getByTestId("tool-draw").count(), 0);
    assert.equal(await page.getByTestId("zoom-in").count(), 1);
    assert.equal(await page.getByTestId("grid").getAttribute("aria-readonly"), "true");
    assert.match((await page.getByTestId("access-text").textContent()) ?? "", /view this board but not change it/);
    await page.keyboard.press("d");
    const { x, y } = await pointAt(page);
    await page.mouse.click(x, y);
    await until("the note says why", async () =>
      /view this board but not change it/.test((await page.getByTestId("refusal-note").textContent()) ?? ""),
    );
    await page.close();
    await instance.stop();
  });

  test("after a lost connection, missed changes show without the view being moved", async () => {
    const PORT = String(await freePort());
    const first = await startInstance({ PORT, BOARDS, ...LIMITS }, store);
    const { page } = await openBoard(browser, `${first.url}${at("back", 40_000)}`);
    await first.stop();
    await until("the loss is said", async () =>
      /Connection lost/.test((await page.getByTestId("message").textContent()) ?? ""),
    );
    await client.board("back").set(40_002, true);
    const second = await startInstance({ PORT, BOARDS, ...LIMITS }, store);
    await untilPainted(page, 2);
    await page.close();
    await second.stop();
  });

  test("where the focus is, a checkbox can be set although the view shows none so small", async () => {
    const { page } = await openBoard(browser, url("/?board=far#all"));
    const box = page.locator("[data-testid=grid] input[tabindex='0']");
    await box.focus();
    await until("its page is here", () =>
      box.evaluate((input) => input instanceof HTMLInputElement && !input.indeterminate),
    );
    const cell = await focused(page);
    await page.keyboard.press("Space");
    const board = await read("far", cell);
    await until("it is stored", () => board.get(cell) === true);
    await page.close();
  });

  test("a click is stored although the view leaves its page at once", async () => {
    const { page } = await openBoard(browser, url(at("leave", 40_000)));
    const { x, y } = await pointAt(page);
    await page.mouse.click(x, y);
    await page.getByTestId("go-to-number").fill("999999");
    await page.keyboard.press("Enter");
    const board = await read("leave", 40_000);
    await until("it is stored", () => board.get(40_000) === true);
    await page.close();
  });

  test("a replay shows the board as it was, by the server's clock, and as it is again", async () => {
    const DATA_DIR = temporaryFolder({ after });
    const instance = await startInstance({ BOARDS: "replay=1000000", HISTORY: "2h", DATA_DIR, ...LIMITS });
    const writer = connect(instance.url);
    await writer.board("replay").set(40_001, true);
    const { page } = await openBoard(browser, `${instance.url}${at("replay", 40_000)}`, () => {
      const now = Date.now;
      Date.now = () => now() + 2 * 3_600_000;
    });
    await untilPainted(page, 1);
    await page.getByTestId("replay-open").click();
    const spans = page.getByTestId("replay-span");
    const chosen = () => spans.locator("option:checked").textContent();
    await spans.waitFor();
    assert.deepEqual(await spans.locator("option").allTextContents(), ["Last hour", "Last 110 minutes"]);
    assert.equal(await chosen(), "Last hour");
    await spans.focus();
    await spans.selectOption("Last 110 minutes");
    await page.locator("[data-testid=replay][aria-busy=false]").waitFor();
    assert.equal(await chosen(), "Last 110 minutes");
    assert.ok(await spans.evaluate((element) => element === document.activeElement), "the focus was taken away");
    const time = page.getByTestId("replay-time");
    await time.focus();
    await page.keyboard.press("Home");
    await untilPainted(page, 1, 0, false);
    await page.keyboard.press("End");
    await untilPainted(page, 1);
    await page.keyboard.press("Home");
    await untilPainted(page, 1, 0, false);
    const box = page.locator('input[data-cell="40001"]');
    assert.equal(await box.evaluate((input) => input instanceof HTMLInputElement && input.checked), false);
    const { x, y } = await pointAt(page);
    await page.mouse.click(x, y);
    await until("the note says why it is not set", async () =>
      /viewing a replay/.test((await page.getByTestId("refusal-note").textContent()) ?? ""),
    );
    await until("and so does the live region", async () =>
      /Checkbox 40000 was not changed/.test((await page.getByTestId("announcer").textContent()) ?? ""),
    );
    assert.equal(await page.getByTestId("tool-draw").getAttribute("aria-disabled"), "true");
    await box.focus();
    await writer.board("replay").watch({ start: 40_000, end: 40_001 }).ready;
    await writer.board("replay").set(40_001, false);
    await writer.board("replay").set(40_001, true);
    // It has come when the overview tells of a change that was made later.
    await writer.board("replay").set(0, true);
    await until("what happens meanwhile has come", async () =>
      /^2 of/.test((await page.getByTestId("status-checked").textContent()) ?? ""),
    );
    assert.equal(await page.getByTestId("focus-announcer").textContent(), "", "and the focused cell says the past");
    const note = page.getByTestId("replay-note");
    assert.equal(await note.textContent(), "");
    await page.getByTestId("replay-close").click();
    await untilPainted(page, 1);
    assert.equal(await isPainted(page), false, "nothing can be set in the past");
    await until("the focus is not lost", () =>
      page.evaluate(() => document.activeElement?.getAttribute("data-testid") === "replay-open"),
    );
    writer.close();
    await page.close();
    await instance.stop();
  });

  test("a replay plays from the first change, without the time in which nothing happened, and Escape ends it", async () => {
    const DATA_DIR = temporaryFolder({ after });
    const dayMs = 86_400_000;
    const nowMs = Date.now();
    let clockMs = nowMs - dayMs / 2;
    const settings = { BOARDS: "past=1000000", HISTORY: "2d", ...LIMITS };
    const histories = { boards: new Map<string, number>(), others: 2 * dayMs, deltasMax: 20_000 };
    const recorder = await EmbeddedStore.open({ directory: DATA_DIR, histories, now: () => clockMs });
    const write = (cell: number) =>
      recorder.commit(
        { board: "past", page: 0 },
        { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[cell, 1]]) }] },
      );
    await write(40_000);
    // A second of playing each, so that the time between those two can be seen.
    for (const minutes of [10, 8, 6, 4]) {
      clockMs = nowMs - minutes * 60_000;
      await write(50_000 + minutes);
    }
    clockMs = nowMs - 60_000;
    await write(40_001);
    await recorder.close();
    const instance = await startInstance({ ...settings, DATA_DIR });
    const { page, errors } = await openBoard(browser, `${instance.url}${at("past", 40_000)}`);
    await untilPainted(page, 0);
    await page.getByTestId("replay-open").click();
    await page.getByTestId("replay-speed").selectOption("60 ×");
    await page.getByTestId("replay-span").selectOption("Last day");
    // It plays by itself: neither is checked in the beginning, then the first one alone, then both.
    const states: string[] = [];
    await until("both are shown, one after the other", async () => {
      const state = `${await isPainted(page)} ${await isPainted(page, 1)}`;
      if (states.at(-1) !== state) states.push(state);
      return states.slice(-3).join() === "false false,true false,true true";
    });
    assert.equal(
      await page
        .getByTestId("replay-activity")
        .locator("path")
        .getAttribute("d")
        .then((d) => d?.match(/M/g)?.length),
      2,
    );
    await page.getByTestId("replay-speed").selectOption("600 ×");
    await page.getByTestId("go-to-number").focus();
    await page.keyboard.press("Escape");
    await page.getByTestId("replay-open").waitFor();
    assert.equal(await page.getByTestId("replay-time").count(), 0);
    assert.deepEqual(errors, []);
    await page.close();
    await instance.stop();
  });
});
