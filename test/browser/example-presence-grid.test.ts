/* The example of a presence grid, built and started as its README says, over two instances, in Chromium and for visitors with the library alone. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { DESKS } from "../../examples/presence-grid/desks.js";
import { type Client, connect } from "../../src/client/index.js";
import { launchChromium } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { buildPage, startExample, typeCommands, visit } from "../support/examples.js";
import { temporaryFolder } from "../support/folder.js";
import { outcome } from "../support/outcome.js";
import { until } from "../support/until.js";

const VISITORS = 20;
/** The lease of the example, and the time that a desk may take to become free after it. */
const LEASE_MS = 10_000;
const FREED_MS_MAX = 5_000;

let browser: Browser;
before(async () => {
  browser = await launchChromium();
  buildPage("presence-grid");
});
after(() => browser.close());

const becomes = (page: Page, desk: number, state: string) =>
  page.getByRole("button", { name: `Desk ${desk}, ${state}`, exact: true }).waitFor();
const pick = (page: Page, desk: number) => page.getByRole("button", { name: new RegExp(`^Desk ${desk},`) }).click();
const newsSays = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();

describe("the example of a presence grid", () => {
  test("as typed from its README: 20 visitors sit, those who only knew a killed instance lose their desks in time, and the others keep theirs", async (t) => {
    const [first, second] = await typeCommands(t, "presence-grid");
    const pages = [await visit(t, browser, first.url), await visit(t, browser, second.url)] as const;
    await Promise.all(pages.map((page) => becomes(page, DESKS, "free")));
    const clients: Client[] = [];
    t.after(() => {
      for (const client of clients) client.close();
    });
    const sit = async (urls: readonly string[], desk: number): Promise<void> => {
      const client = connect(urls);
      clients.push(client);
      const room = client.board("room");
      await room.watch({ start: 0, end: DESKS }).ready;
      await room.set(desk, true);
      await until("it is theirs", () => room.mine.has(desk));
    };
    // A third knows the first instance only, and loses it. The others know both, or the second.
    const urlsOf = (index: number) => [[first.url], [first.url, second.url], [second.url]][index % 3] ?? [];
    await Promise.all(Array.from({ length: VISITORS - 2 }, (_, index) => sit(urlsOf(index), index)));
    await Promise.all([pick(pages[0], 19), pick(pages[1], 20)]);
    await Promise.all([becomes(pages[0], 20, "taken"), becomes(pages[1], 19, "taken")]);
    const { board, close } = await watchBoard(second.url, "room");
    t.after(close);
    const seated = () => Array.from({ length: DESKS }, (_, desk) => desk).filter((desk) => board.get(desk));
    await until("all 20 sit", () => seated().length === VISITORS);
    assert.equal(await outcome(board.set(3, true)), "TAKEN", "one desk, one visitor");

    first.kill();
    const killedMs = Date.now();
    await until("the six are gone", () => seated().length === VISITORS - 6, LEASE_MS + FREED_MS_MAX);
    assert.ok(Date.now() - killedMs <= LEASE_MS + FREED_MS_MAX, "in time");
    await until("all leases have been renewed since", () => Date.now() - killedMs > 2 * LEASE_MS);
    const staying = Array.from({ length: VISITORS }, (_, desk) => desk).filter((desk) => desk > 17 || desk % 3 !== 0);
    assert.deepEqual(seated(), staying);
    // The page of the killed instance still has its desk, and can move.
    await becomes(pages[0], 19, "yours");
    await pick(pages[0], 1);
    await becomes(pages[1], 1, "taken");
    await becomes(pages[1], 19, "free");
  });

  test("works alone, without Valkey: a desk survives a reload, moving is one step, and a closed page frees its desk", async (t) => {
    const url = await startExample(t, "presence-grid", { DATA_DIR: temporaryFolder(t) });
    const [ann, ben] = [await visit(t, browser, url), await visit(t, browser, url)];
    await Promise.all([becomes(ann, 1, "free"), becomes(ben, 1, "free")]);
    await pick(ann, 7);
    await becomes(ann, 7, "yours");
    await becomes(ben, 7, "taken");
    await pick(ben, 7);
    await newsSays(ben, "Desk 7 is taken. Pick another one.");
    await ann.reload();
    await becomes(ann, 7, "yours");
    await pick(ann, 8);
    await becomes(ben, 8, "taken");
    await becomes(ben, 7, "free");
    await ben.getByText(`Free desks: ${DESKS - 1} of ${DESKS}`).waitFor();
    await ann.close();
    await becomes(ben, 8, "free");
    await ben.setViewportSize({ width: 320, height: 640 });
    const width = await ben.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 320, `it fits a narrow phone: ${width} px`);
  });
});
