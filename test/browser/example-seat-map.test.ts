/* The example of a seat map, built and started as its README says, over two instances, in Chromium and for visitors without it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { SEATS } from "../../examples/seat-map/hall.js";
import { launchChromium } from "../support/browser.js";
import { buildPage, startExample, typeCommands, visit } from "../support/examples.js";
import { until } from "../support/until.js";
import { freePort, type ServerProcess, startServer } from "../support/valkey-server.js";

const SERVER_LINES_MAX = 100;
const VISITORS = 20;

let browser: Browser;
let valkey: ServerProcess;
before(async () => {
  [browser, valkey] = await Promise.all([launchChromium(), startServer()]);
  buildPage("seat-map");
});
after(async () => {
  await browser.close();
  await valkey.stop();
});

/** Two instances that name each other. */
async function startTwo(t: TestContext, env: Record<string, string> = {}): Promise<readonly [string, string]> {
  const ports = [await freePort(), await freePort()] as const;
  const INSTANCES = ports.map((port) => `http://localhost:${port}`).join();
  const settings = { VALKEY_URL: valkey.url, INSTANCES, ...env };
  return [await startExample(t, "seat-map", settings, ports[0]), await startExample(t, "seat-map", settings, ports[1])];
}

const seat = (page: Page, name: string) => page.getByRole("checkbox", { name: new RegExp(`^Seat ${name},`) });
const becomes = (page: Page, name: string, state: string) =>
  page.getByRole("checkbox", { name: `Seat ${name}, ${state}`, exact: true }).waitFor();
const newsSays = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();
const payButton = (page: Page) => page.getByRole("button", { name: "Pay" });
const count = (page: Page, state: string) =>
  page.getByRole("checkbox", { name: new RegExp(`^Seat \\w+, ${state}$`) }).count();

/** A visitor who has a cookie, but no page. */
async function visitor(url: string) {
  const [cookie = ""] = (await fetch(url)).headers.getSetCookie();
  const headers = { cookie: cookie.split(";", 1)[0] ?? "", "content-type": "application/json" };
  const set = async (cell: number, value: boolean): Promise<number> => {
    const body = JSON.stringify({ value });
    const send = () => fetch(`${url}/boards/seats/cells/${cell}`, { method: "PUT", headers, body });
    // Node may choose a connection that the server is about to close. To ask again takes nothing twice.
    const response = await send().catch(send);
    await response.body?.cancel();
    return response.status;
  };
  return {
    take: (cell: number) => set(cell, true),
    giveBack: (cell: number) => set(cell, false),
    pay: async (): Promise<{ status: number; seats: string[] }> => {
      const response = await fetch(`${url}/pay`, { method: "POST", headers });
      return { status: response.status, seats: response.ok ? await response.json() : [] };
    },
  };
}

async function inTurn<Item, Result>(items: readonly Item[], use: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await use(item));
  return results;
}

describe("the example of a seat map", () => {
  test("has under 100 lines of server code", () => {
    const lines = ["server.ts", "hall.ts"].map((file) => {
      const source = readFileSync(new URL(`../../examples/seat-map/${file}`, import.meta.url), "utf8");
      return source.split("\n").length - 1;
    });
    const sum = lines.reduce((one, other) => one + other);
    assert.ok(sum < SERVER_LINES_MAX, `it has ${sum}`);
  });

  test("as typed from its README: each seat has one of 20 visitors, it can be paid for, and a page outlives its instance", async (t) => {
    const [first, second] = await typeCommands(t, "seat-map");
    const pages = [await visit(t, browser, first.url), await visit(t, browser, second.url)] as const;
    await Promise.all(pages.map((page) => becomes(page, "H10", "free")));
    const others = await Promise.all(
      Array.from({ length: VISITORS - pages.length }, (_, index) => visitor([first, second][index % 2]?.url ?? "")),
    );
    // Everybody wants the rows A to D.
    const cells = Array.from({ length: 40 }, (_, cell) => cell);
    const pickAll = async () => {
      for (const box of [...document.querySelectorAll<HTMLInputElement>(".row input")].slice(0, 40)) {
        if (box.dataset.state === "free") box.click();
        await new Promise((done) => setTimeout(done));
      }
    };
    const [statuses] = await Promise.all([
      Promise.all(others.map(({ take }) => inTurn(cells, take))),
      ...pages.map((page) => page.evaluate(pickAll)),
    ]);
    const theirs = statuses.map((each) => each.filter((status) => status === 200).length);
    assert.deepEqual(
      statuses.flat().filter((status) => status !== 200 && status !== 409),
      [],
    );
    let heldByPages = 0;
    await until("each seat is somebody's, and of nobody else", async () => {
      const held = await Promise.all(pages.map((page) => count(page, "held for you")));
      const taken = await Promise.all(pages.map((page) => count(page, "taken")));
      heldByPages = held.reduce((one, other) => one + other);
      return held.every((mine, index) => mine + (taken[index] ?? 0) === 40);
    });
    assert.equal(theirs.reduce((one, other) => one + other) + heldByPages, 40, "seats and their holders");

    // Row H is for those who pay.
    const [payer, loser] = others;
    assert.equal(await payer?.take(70), 200);
    assert.equal(await loser?.take(70), 409);
    assert.equal(await loser?.giveBack(70), 409);
    const paid = await payer?.pay();
    assert.ok(paid?.status === 200 && paid.seats.includes("H1"), `paid: ${JSON.stringify(paid)}`);
    assert.equal((await payer?.pay())?.status, 409, "there is nothing to pay for");

    const [page] = pages;
    await seat(page, "H2").click();
    await becomes(page, "H2", "held for you");
    assert.match((await page.locator("#held").textContent()) ?? "", /H2 \((5:00|4:\d\d)\)/);
    first.kill();
    await becomes(pages[1], "H2", "taken");
    await seat(page, "H3").click();
    await becomes(pages[1], "H3", "taken");
    await payButton(page).click();
    await becomes(page, "H3", "yours");
    await becomes(page, "H2", "yours");
    assert.equal(await count(page, "held for you"), 0, "all is paid for");
    await page.setViewportSize({ width: 320, height: 640 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 320, `a narrow phone shows all seats without scrolling sideways: ${width} px`);
  });

  test("shows who took what through another instance, keeps it for them, and frees it when they give it back", async (t) => {
    const [one, two] = await startTwo(t);
    const [ann, ben] = [await visit(t, browser, one), await visit(t, browser, two)];
    await Promise.all([becomes(ann, "A1", "free"), becomes(ben, "A1", "free")]);
    // By keyboard alone: the seats are one stop, arrow keys move in them.
    await ann.keyboard.press("Tab");
    await ann.keyboard.press("ArrowRight");
    await ann.keyboard.press("ArrowDown");
    await ann.keyboard.press("Space");
    await becomes(ann, "B2", "held for you");
    await becomes(ben, "B2", "taken");
    assert.equal(await seat(ann, "B2").isChecked(), true);
    await newsSays(ben, `B2 is taken. Seats left: ${SEATS - 1}.`);

    await seat(ben, "B2").click({ force: true });
    await newsSays(ben, "B2 is taken. Please pick another seat.");
    const stranger = await visitor(two);
    assert.deepEqual([await stranger.take(11), await stranger.giveBack(11)], [409, 409]);
    const nobody = await fetch(`${one}/boards/seats/cells/14`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"value":true}',
    });
    assert.equal(nobody.status, 403, "without a cookie one may only look");
    assert.equal((await fetch(`${one}/pay`, { method: "POST" })).status, 401);

    await ann.reload();
    await becomes(ann, "B2", "held for you");
    await seat(ann, "B2").click();
    await Promise.all([becomes(ann, "B2", "free"), becomes(ben, "B2", "free")]);
    await newsSays(ben, `B2 is free again. Seats left: ${SEATS}.`);
    await seat(ben, "B2").click();
    await becomes(ann, "B2", "taken");
    await becomes(ben, "B2", "held for you");
    await payButton(ben).click();
    await newsSays(ben, "Paid: B2.");
    await becomes(ben, "B2", "yours");
    assert.equal(await ben.locator("#paid").textContent(), "B2");
    await seat(ben, "B2").click({ force: true });
    await newsSays(ben, "B2 is yours and paid for.");
  });

  test("frees a seat that was not paid for in time, and says so to its holder; a payment that was late sells nothing", async (t) => {
    const own = await startServer();
    t.after(() => own.stop());
    const [one, two] = await startTwo(t, { VALKEY_URL: own.url, HOLD: "5s" });
    const [ann, ben] = [await visit(t, browser, one), await visit(t, browser, two)];
    await Promise.all([becomes(ann, "A1", "free"), becomes(ben, "A1", "free")]);
    await seat(ann, "A1").click();
    await becomes(ben, "A1", "taken");
    await becomes(ben, "A1", "free");
    await newsSays(ann, "Not paid for in time: A1. Please pick again.");
    await becomes(ann, "A1", "free");
    const late = await visitor(two);
    assert.equal(await late.take(1), 200);
    const paying = late.pay();
    await becomes(ben, "A2", "taken");
    assert.equal(await late.giveBack(1), 200, "given back while the bank is at work");
    assert.equal((await paying).status, 409);
    await becomes(ben, "A2", "free");
  });
});
