/* The page in real Chromium, served by real instances. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { LANE_PATH } from "../../src/protocol/lane.js";
import { addBoard, removeBoard, resizeBoard } from "../../src/server/admin/board-admin.js";
import type { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { openBoard } from "../support/browser.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";
import { freePort } from "../support/valkey-server.js";

const cell = (page: Page, number: number) => page.locator(`input[data-cell="${number}"]`);
const field = (page: Page, name: string) => page.getByTestId(name);

async function untilChecked(page: Page, number: number, isChecked = true): Promise<void> {
  await until(`cell ${number} shows ${isChecked}`, async () => (await cell(page, number).isChecked()) === isChecked);
}

async function untilText(page: Page, name: string, pattern: RegExp): Promise<void> {
  await until(`${name} says ${pattern}`, async () => pattern.test((await field(page, name).textContent()) ?? ""));
}

describe("the page", () => {
  let browser: Browser;
  let store: EmbeddedStore;
  let instances: Site["instances"];
  let stop: Site["stop"];

  before(async () => {
    ({ browser, store, instances, stop } = await startSite(
      { after },
      [1, 2].map((number) => ({
        INSTANCE_NAME: `instance ${number}`,
        HISTORY: "2h",
        BOARDS: "main=100,mid=1000,large=10000,tools=100,vast=1000000",
      })),
    ));
  });
  after(() => stop());

  test("uses the lane, which its policy allows, and loads no code of Socket.IO", async () => {
    const { page: blank } = await openBoard(browser, `${instances[0]?.url}/`);
    const page = await blank.context().newPage();
    const protocol = await page.context().newCDPSession(page);
    const sockets: string[] = [];
    const scripts: string[] = [];
    protocol.on("Network.webSocketCreated", ({ url }) => sockets.push(url));
    protocol.on("Network.requestWillBeSent", ({ request }) => scripts.push(request.url));
    await protocol.send("Network.enable");
    await page.goto(`${instances[0]?.url}/`);
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    assert.deepEqual(sockets, [`${instances[0]?.url.replace("http", "ws")}${LANE_PATH}`]);
    assert.ok(scripts.some((url) => url.endsWith(".js")));
    assert.deepEqual(
      scripts.filter((url) => /socket\.?io/.test(url)),
      [],
    );
    await page.context().close();
  });

  test("a link leads to its checkbox, a jump makes one, and back and forward follow them", async () => {
    const { page } = await openBoard(browser, `${instances[0]?.url}/?board=large#cell=5050`);
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-cell"));
    const inMiddle = () => /#cell=(\d+)&/.exec(page.url())?.[1];
    assert.equal(await focused(), "5050");
    await until("it is in sight", () => cell(page, 5_050).isVisible());
    await field(page, "go-to-number").fill("6060");
    await page.keyboard.press("Enter");
    await until("the jump has arrived", async () => (await focused()) === "6060" && inMiddle() === "6060");
    await page.goBack();
    await until("back is where it was", () => inMiddle() === "5050");
    await page.goForward();
    await until("forward is there again", () => inMiddle() === "6060");
    await page.close();
  });

  test("a click in a tab on one port shows in a tab on another, and both say where they are", async () => {
    const [one, two] = await Promise.all(instances.map(({ url }) => openBoard(browser, url)));
    assert.ok(one && two);
    await cell(one.page, 42).click();
    await untilChecked(two.page, 42);
    await cell(two.page, 42).click();
    await untilChecked(one.page, 42, false);
    await untilText(one.page, "status-instance", /instance 1/);
    await untilText(two.page, "status-instance", /instance 2/);
    await untilText(one.page, "status-connection", /Live/);
    await untilText(one.page, "status-online", /^2$/);
    await untilText(one.page, "status-checked", /0 of 100/);
    await untilText(one.page, "status-round-trip", /\d/);
    assert.deepEqual([...one.errors, ...two.errors], []);
    await Promise.all([one.page.close(), two.page.close()]);
  });

  test("the keyboard reaches and toggles every cell: arrows, space, and a jump to a number", async () => {
    const { page } = await openBoard(browser, instances[0]?.url ?? "");
    await cell(page, 0).focus();
    for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "Space"]) await page.keyboard.press(key);
    await untilChecked(page, 21);
    assert.equal(await page.locator('input[data-cell][tabindex="0"]').count(), 1, "one tab stop");
    await field(page, "go-to-number").fill("77");
    await page.keyboard.press("Enter");
    await until("cell 77 has the focus", () => cell(page, 77).evaluate((input) => input === document.activeElement));
    await page.keyboard.press("Space");
    await untilChecked(page, 77);
    await page.close();
  });

  test("every cell has a name for a screen reader, in a grid with a name", async () => {
    const { page } = await openBoard(browser, instances[0]?.url ?? "");
    await page.getByRole("grid", { name: /main/ }).waitFor();
    assert.equal(await page.getByRole("checkbox", { name: "Checkbox 99", exact: true }).count(), 1);
    assert.equal(await page.getByRole("checkbox").count(), 100);
    await page.close();
  });

  test("1,000 cells are real checkboxes, and 10,000 in 100 columns are seen whole, on a phone too", async () => {
    const { page } = await openBoard(browser, `${instances[0]?.url}/?board=mid`);
    assert.equal(await page.locator("input[type=checkbox][data-cell]").count(), 1_000);
    await page.goto(`${instances[0]?.url}/?board=large`);
    await page.locator('[data-testid=grid][aria-busy="false"][aria-colcount="100"]').waitFor();
    const pitch = () =>
      field(page, "grid").evaluate((grid) => Number.parseFloat(grid.style.getPropertyValue("--pitch")));
    for (const width of [1_280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      await field(page, "zoom-fit").click();
      await until(`at ${width} px all columns are in sight`, async () => 100 * (await pitch()) <= width);
      assert.ok((await pitch()) > 3);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `at ${width} px the page itself does not scroll sideways`);
    }
    await page.close();
  });

  test("a small board uses the screen, a press means what the tool says, and what is drawn is undone", async () => {
    const { page, errors } = await openBoard(browser, `${instances[0]?.url}/?board=tools`);
    const [first, last] = await Promise.all([cell(page, 0).boundingBox(), cell(page, 99).boundingBox()]);
    const stage = await field(page, "stage").boundingBox();
    assert.ok(first && last && stage);
    assert.ok(last.y + last.height - first.y > 0.75 * stage.height, "it is nearly as high as the window");
    await field(page, "tool-draw").click();
    await cell(page, 3).hover();
    await page.mouse.down();
    await cell(page, 6).hover();
    await page.mouse.up();
    for (const number of [3, 4, 5, 6]) await untilChecked(page, number);
    await cell(page, 6).hover();
    await page.mouse.down();
    await page.mouse.up();
    await field(page, "undo").click();
    await field(page, "zoom-in").click();
    await until("the boxes are larger", async () => ((await cell(page, 44).boundingBox())?.width ?? 0) > first.width);
    await field(page, "zoom-fit").click();
    await until("and as before", async () => (await cell(page, 0).boundingBox())?.width === first.width);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("the first view of a large empty board shows boxes, and one press checks one", async () => {
    let checked = 0;
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 1_280, height: 720 },
    ]) {
      const context = await browser.newContext({ viewport });
      const page = await context.newPage();
      await page.goto(`${instances[0]?.url}/?board=vast`);
      await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
      const stage = await field(page, "stage").boundingBox();
      assert.ok(stage && stage.width * stage.height > 0.9 * viewport.width * viewport.height, "the board comes first");
      await untilText(page, "status-checked", new RegExp(`^${checked} of`));
      await page.mouse.click(stage.x + stage.width / 2, stage.y + stage.height / 2);
      await untilText(page, "status-checked", new RegExp(`^${++checked} of`));
      await context.close();
    }
  });

  test("the way back from a replay is not covered on the smallest phone, with an open overview", async () => {
    const DATA_DIR = temporaryFolder({ after });
    const instance = await startInstance({ BOARDS: "vast=1000000", HISTORY: "2h", DATA_DIR });
    const { page } = await openBoard(browser, `${instance.url}/?board=vast`);
    await page.setViewportSize({ width: 320, height: 480 });
    await field(page, "overview").locator("summary").click();
    await field(page, "minimap").waitFor();
    await field(page, "replay-open").click();
    await field(page, "replay-close").click();
    await field(page, "replay-open").waitFor();
    await page.close();
    await instance.stop();
  });

  test("changes held back by the rate limit are marked, said, and go through", async (t) => {
    const limited = await startInstance({ WRITE_BURST: "2", WRITES_PER_SECOND: "1", BOARDS: "main=100" }, store);
    t.after(() => limited.stop());
    const { page } = await openBoard(browser, limited.url);
    t.after(() => page.close());
    const numbers = [60, 61, 62, 63, 64, 65, 66, 67];
    // All at once: a slow machine needs more than the second that one change takes for each click of a mouse.
    await page.evaluate((them) => {
      for (const number of them) document.querySelector<HTMLElement>(`input[data-cell="${number}"]`)?.click();
    }, numbers);
    await untilText(page, "message", /that was fast! \d change/i);
    await until("all are stored", async () => {
      const body: { state: boolean[] } = await (await fetch(`${limited.url}/state`)).json();
      return numbers.every((number) => body.state[number]);
    });
  });

  test("a refused change is said at its own cell, which shows the truth again", async () => {
    const faulty = new FaultyStore(store);
    const instance = await startInstance({}, faulty);
    const { page } = await openBoard(browser, instance.url);
    faulty.judgesStale = true;
    await cell(page, 88).click();
    await untilText(page, "refusal-note", /dropped\. Make it again/);
    const [box, note] = await Promise.all([cell(page, 88).boundingBox(), field(page, "refusal-note").boundingBox()]);
    assert.ok(box && note && note.x < box.x + box.width && note.x + note.width > box.x, "in its column");
    assert.ok(Math.abs(box.y - note.y - note.height) < 20 || Math.abs(note.y - box.y - box.height) < 20, "beside it");
    await untilChecked(page, 88, false);
    faulty.judgesStale = false;
    await cell(page, 88).click();
    await until("it is stored now", async () => {
      const body: { state: boolean[] } = await (await fetch(`${instance.url}/state`)).json();
      return body.state[88] === true;
    });
    await page.close();
    await instance.stop();
  });

  test("an instance that goes away is said, and its return brings what was missed", async () => {
    const PORT = String(await freePort());
    const first = await startInstance({ PORT, BOARDS: "main=100" }, store);
    const { page } = await openBoard(browser, first.url);
    await first.stop();
    await untilText(page, "message", /Connection lost/);
    await fetch(`${instances[0]?.url}/boards/main/cells/33`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"value":true}',
    });
    const second = await startInstance({ PORT, BOARDS: "main=100" }, store);
    await untilChecked(page, 33);
    await page.close();
    await second.stop();
  });

  test("a board that grows, shrinks and is removed while it is shown is shown as it is, first as boxes, then drawn", async () => {
    const [first] = instances;
    assert.ok(first);
    await addBoard(first.instance, "hall", 100);
    const { page, errors } = await openBoard(browser, `${first.url}/?board=hall`);
    const boxes = (count: number) =>
      until(`${count} boxes are shown`, async () => (await page.locator("input[data-cell]").count()) === count);
    await boxes(100);
    await cell(page, 99).click();
    await untilChecked(page, 99);
    await resizeBoard(first.instance, "hall", 144);
    await boxes(144);
    await untilChecked(page, 99);
    await cell(page, 143).click();
    await until("it is taken", async () => (await first.store.heads([{ board: "hall", page: 0 }]))[0]?.checked === 2);
    await resizeBoard(first.instance, "hall", 80);
    await boxes(80);
    await untilText(page, "message", /Check a box/);
    await resizeBoard(first.instance, "hall", 70_000);
    await page.locator("[data-testid=canvas]").waitFor();
    await page.locator('[data-testid=grid][aria-busy="false"][aria-label*="70,000"]').waitFor();
    await resizeBoard(first.instance, "hall", 140_000);
    await page.locator('[data-testid=grid][aria-busy="false"][aria-label*="140,000"]').waitFor();
    await removeBoard(first.instance, "hall");
    await untilText(page, "absence", /There is no board with that name/);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("/demo shows four panes, and a click in one shows in all", async () => {
    const ports = instances.map(({ port }) => port);
    const page = await browser.newPage();
    await page.goto(`${instances[0]?.url}/demo?ports=${[...ports, ...ports].join(",")}`);
    await until("four panes are filled", async () => {
      const filled = page.frames().map((frame) => frame.locator('[data-testid=grid][aria-busy="false"]').count());
      return (await Promise.all(filled)).filter((count) => count === 1).length === 4;
    });
    const panes = page.frames().filter((frame) => frame !== page.mainFrame());
    assert.equal(panes.length, 4);
    await panes[0]?.locator('input[data-cell="5"]').click();
    for (const pane of panes) {
      await until("the pane shows it", () => pane.locator('input[data-cell="5"]').isChecked());
    }
    await page.close();
  });
});
