/* Changes that wait while their page is reloaded, closed or crashes: all take effect, each once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import express from "express";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build } from "vite";
import { launchChromium } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const keptPage = fileURLToPath(new URL("kept-page", import.meta.url));
const CELLS = 200;

describe("changes that wait", () => {
  let browser: Browser;
  const folder = temporaryFolder({ after });
  before(async () => {
    [browser] = await Promise.all([
      launchChromium(),
      build({
        root: keptPage,
        logLevel: "error",
        build: { outDir: folder, rolldownOptions: { input: [join(keptPage, "index.html")] } },
      }),
    ]);
  });
  after(async () => {
    await browser.close();
  });

  async function start(t: TestContext) {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const settings = { WRITES_PER_SECOND: "50", WRITE_BURST: "50" };
    const app = await startApp(t, { boards: { main: 1_000 }, valkeyUrl: valkey.url, settings }, (own) =>
      own.use(express.static(folder)),
    );
    const watcher = await watchBoard(app.url);
    t.after(() => watcher.close());
    const context = await browser.newContext();
    t.after(() => context.close());
    return { url: app.url, board: watcher.board, context };
  }

  async function open(context: BrowserContext, url: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(url);
    await page.waitForFunction(() => "kept" in window);
    return page;
  }

  /** Checks CELLS cells from `first` on, and waits until some of them are in the store. */
  async function paint(page: Page, first = 0): Promise<void> {
    await page.evaluate(([start, end]) => window.kept.set(start, end, true), [first, first + CELLS] as const);
    await page.waitForFunction((most) => window.kept.pending < most, CELLS);
    assert.ok((await page.evaluate(() => window.kept.pending)) > CELLS / 2, "most of them wait");
  }

  const checkedIn = (board: { get(cell: number): boolean | undefined }, start: number, end: number) =>
    Array.from({ length: end - start }, (_, at) => start + at).filter((cell) => board.get(cell)).length;

  const ends: Record<string, (page: Page, context: BrowserContext, url: string) => Promise<Page>> = {
    "the page is reloaded": async (page) => {
      await page.reload();
      return page;
    },
    "the page is closed, and opened again": async (page, context, url) => {
      await page.close();
      return open(context, url);
    },
    "the tab crashes, and is opened again": async (page, context, url) => {
      const session = await context.newCDPSession(page);
      const crashed = page.waitForEvent("crash");
      session.send("Page.crash").catch(() => undefined);
      await crashed;
      return open(context, url);
    },
  };
  for (const [end, act] of Object.entries(ends)) {
    test(`take effect, each once, if ${end}`, async (t) => {
      const { url, board, context } = await start(t);
      const page = await open(context, url);
      await paint(page);
      // What is in the store is unchecked by somebody else. Checked again, it would have taken effect twice.
      await until("the first changes are seen", () => checkedIn(board, 0, CELLS) > 0);
      const next = await act(page, context, url);
      const undone = Array.from({ length: CELLS }, (_, cell) => cell).filter((cell) => board.get(cell));
      await board.setAll(undone.map((cell) => [cell, false] as const));
      await next.waitForFunction(() => window.kept.earlier.at(-1)?.waiting === 0);
      const report = await next.evaluate(() => window.kept.earlier.at(-1));
      assert.equal(report?.lost, 0);
      await until("all are in the store", () => checkedIn(board, 0, CELLS) === CELLS - undone.length);
      const entries = await next.evaluate(() => Object.keys(localStorage));
      assert.deepEqual(entries, [], "nothing is kept any more");
    });
  }

  test("are delivered by a page that is open, once another is closed, and never beside their own", async (t) => {
    const { url, board, context } = await start(t);
    const [one, other] = [await open(context, url), await open(context, url)];
    await paint(one);
    await paint(other, CELLS);
    assert.deepEqual(await other.evaluate(() => window.kept.earlier), [], "its page delivers them");
    await one.close();
    await other.waitForFunction(() => window.kept.earlier.at(-1)?.waiting === 0);
    await until("all are in the store", () => checkedIn(board, 0, 2 * CELLS) === 2 * CELLS);
  });

  test("are not delivered for another user of the browser", async (t) => {
    const { url, board, context } = await start(t);
    const ann = await open(context, `${url}?user=ann`);
    await paint(ann);
    await ann.close();
    const bob = await open(context, `${url}?user=bob`);
    await bob.evaluate(() => window.kept.set(999, 1_000, true));
    await until("Bob's change is in the store", () => board.get(999) === true);
    assert.deepEqual(await bob.evaluate(() => window.kept.earlier), []);
    const back = await open(context, `${url}?user=ann`);
    await back.waitForFunction(() => window.kept.earlier.at(-1)?.waiting === 0);
    await until("Ann's are in the store", () => checkedIn(board, 0, CELLS) === CELLS);
  });

  test("are lost, and reported as such, after five minutes", async (t) => {
    const { url, context } = await start(t);
    const page = await open(context, url);
    await paint(page);
    await page.close();
    const later = await context.newPage();
    await later.clock.install({ time: Date.now() + 6 * 60_000 });
    await later.goto(url);
    await later.waitForFunction(() => window.kept?.earlier.at(-1)?.waiting === 0);
    const report = await later.evaluate(() => window.kept.earlier.at(-1));
    assert.equal(report?.delivered, 0);
    assert.ok(report && report.lost > CELLS / 2);
  });

  test("are not kept without Web Locks, because two pages could then deliver them", async (t) => {
    const { url, context } = await start(t);
    await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    const page = await open(context, url);
    await paint(page);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  });
});
