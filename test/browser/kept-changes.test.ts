/* Changes that wait while their page is reloaded, closed or crashes: all take effect, each once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import express from "express";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build } from "vite";
import { getBit } from "../../src/board/bitmap.js";
import { launchChromium, launchWithProfile } from "../support/browser.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const keptPage = fileURLToPath(new URL("kept-page", import.meta.url));
/** Changed by each page. All but the burst wait, for somewhat more than a second. */
const CELLS = 80;
const SETTINGS = { WRITES_PER_SECOND: "50", WRITE_BURST: "20" };
/** Cells of one test. */
const RANGE = 1_000;
const TESTS_MAX = 20;

describe("changes that wait", () => {
  let browser: Browser;
  let server: EmbeddedApp;
  /** Cell -> its values in the store, in their order. */
  const stored = new Map<number, boolean[]>();
  let tests = 0;
  const folder = temporaryFolder({ after });
  /** What a hook starts ends with the file, last things first. */
  const stopped: (() => unknown)[] = [];
  const stops = { after: (stop: () => unknown) => stopped.unshift(stop) };
  before(async () => {
    const valkey = await startServer();
    stops.after(() => valkey.stop());
    const options = { boards: { main: TESTS_MAX * RANGE }, valkeyUrl: valkey.url, settings: SETTINGS };
    [browser, server] = await Promise.all([
      launchChromium(),
      startApp(stops, options, (own) => own.use(express.static(folder))),
      build({
        root: keptPage,
        logLevel: "error",
        build: { outDir: folder, rolldownOptions: { input: [join(keptPage, "index.html")] } },
      }),
    ]);
    await server.boards.board("main").onChange(({ kind, changes }) => {
      assert.equal(kind, "delta", "each commit is known");
      for (const { cell, value } of changes) stored.set(cell, [...(stored.get(cell) ?? []), value]);
    }).ready;
  });
  after(async () => {
    await browser.close();
    for (const stop of stopped) await stop();
  });

  /** The browser of one user, and the first of the test's own cells. */
  async function start(t: TestContext) {
    const context = await browser.newContext();
    t.after(() => context.close());
    return { context, first: RANGE * tests++ };
  }

  async function open(context: BrowserContext, query = ""): Promise<Page> {
    const page = await context.newPage();
    await page.goto(server.url + query);
    return ready(page);
  }

  async function ready(page: Page): Promise<Page> {
    await page.waitForFunction(() => "kept" in window);
    return page;
  }

  /** Checks cells from `first` on, and waits until some of them are in the store. */
  async function paint(page: Page, first: number, count = CELLS): Promise<void> {
    await page.evaluate(([start, end]) => window.kept.set(start, end, true), [first, first + count] as const);
    await page.waitForFunction((most) => window.kept.pending < most, count);
  }

  /** … and until others are, of which the page does not know it. The rest waits. */
  async function paintUnheard(page: Page, first: number): Promise<void> {
    await paint(page, first);
    const known = CELLS - (await page.evaluate(() => window.kept.deafen()));
    await until("a write arrives without the page's knowledge", () => checked(first).length > known);
    assert.ok(checked(first).length < CELLS, "others wait");
  }

  const cells = (first: number) => Array.from({ length: CELLS }, (_, at) => first + at);
  const checked = (first: number) => cells(first).filter((cell) => stored.get(cell)?.at(-1));

  /** Waits until `page` has delivered what an earlier page left. */
  async function delivered(page: Page) {
    await page.waitForFunction(() => window.kept?.earlier.at(-1)?.waiting === 0);
    return page.evaluate(() => window.kept.earlier.at(-1));
  }

  /** The values that each cell from `first` on must have had, unless it is in `others`. */
  async function untilStored(first: number, others: ReadonlyMap<number, readonly boolean[]> = new Map()) {
    const wanted = cells(first).map((cell) => [cell, others.get(cell) ?? [true]]);
    const had = () => cells(first).map((cell) => [cell, stored.get(cell) ?? []]);
    const count = (all: readonly unknown[][]) => all.flat(2).length;
    await until("all are in the store", () => count(had()) >= count(wanted)).catch(() => undefined);
    assert.deepEqual(had(), wanted);
    const bits = await server.boards.board("main").bitsOf(0);
    assert.deepEqual(
      cells(first).map((cell) => getBit(bits, cell) === 1),
      wanted.map(([, values]) => Array.isArray(values) && values.at(-1)),
    );
  }

  /**
   * What is in the store is unchecked by somebody else. If a change took effect twice, its cell
   * would be checked again.
   */
  async function undo(first: number): Promise<Map<number, readonly boolean[]>> {
    const undone = checked(first);
    await server.boards.board("main").setAll(undone.map((cell) => [cell, false] as const));
    return new Map(undone.map((cell) => [cell, [true, false]]));
  }

  /** Each calls `between` before the next page delivers anything. */
  const ends: Record<string, (page: Page, context: BrowserContext, between: () => Promise<void>) => Promise<Page>> = {
    "the page is reloaded": async (page, _, between) => {
      await page.route(`${server.url}/`, async (route) => {
        await between();
        await route.continue();
      });
      await page.reload();
      return page;
    },
    "the page is closed, and opened again": async (page, context, between) => {
      await page.close();
      await between();
      return open(context);
    },
    "the tab crashes, and is opened again": async (page, context, between) => {
      const session = await context.newCDPSession(page);
      const crashed = page.waitForEvent("crash");
      session.send("Page.crash").catch(() => undefined);
      await crashed;
      await between();
      return open(context);
    },
  };
  for (const [end, act] of Object.entries(ends)) {
    test(`take effect, each once, if ${end}`, async (t) => {
      const { context, first } = await start(t);
      const page = await open(context);
      await paintUnheard(page, first);
      let undone: Awaited<ReturnType<typeof undo>> | undefined;
      const next = await act(page, context, async () => {
        undone = await undo(first);
      });
      assert.ok(undone && undone.size > 0);
      assert.equal((await delivered(next))?.lost, 0);
      await untilStored(first, undone);
      const entries = await next.evaluate(() => Object.keys(localStorage));
      assert.deepEqual(entries, [], "nothing is kept any more");
    });
  }

  test("take effect, each once, if the browser ends and starts again with the user's profile", async (t) => {
    const profile = temporaryFolder(t);
    const first = RANGE * tests++;
    const before = await launchWithProfile(profile);
    t.after(() => before.close());
    await paintUnheard(await open(before), first);
    await before.close();
    const undone = await undo(first);
    const again = await launchWithProfile(profile);
    t.after(() => again.close());
    assert.equal((await delivered(await open(again)))?.lost, 0);
    await untilStored(first, undone);
  });

  test("are delivered by a duplicate of their tab, once that is closed, and never beside their own", async (t) => {
    const { context, first } = await start(t);
    const one = await open(context);
    // A window that a page opens begins with a copy of its sessionStorage, as a duplicated tab does.
    const [opened] = await Promise.all([context.waitForEvent("page"), one.evaluate(() => void window.open("/"))]);
    const other = await ready(opened);
    await Promise.all([paintUnheard(one, first), paint(other, first + CELLS)]);
    assert.deepEqual(await other.evaluate(() => window.kept.earlier), [], "its page delivers them");
    await one.close();
    assert.equal((await delivered(other))?.lost, 0);
    await untilStored(first);
    await untilStored(first + CELLS);
  });

  test("do not overtake a later change of their cell, whichever page delivers them", async (t) => {
    const { context, first } = await start(t);
    const [early, other] = [await open(context), await open(context)];
    await paint(early, first);
    await early.close();
    // One of these two pages delivers what the first has left, and the other does not.
    const later = await open(context);
    const [last, next] = [first + CELLS - 1, first + CELLS - 2];
    await later.evaluate((cell) => window.kept.set(cell, cell + 1, false), last);
    await other.evaluate((cell) => window.kept.set(cell, cell + 1, false), next);
    const order = new Map([last, next].map((cell) => [cell, [true, false]]));
    await untilStored(first, order);
  });

  test("of two pages that end together are delivered together, because each may wait for the other", async (t) => {
    const { context, first } = await start(t);
    const [one, two] = [await open(context), await open(context)];
    // Enough to last until both pages have ended, also on a slow machine.
    const many = 4 * CELLS;
    await paint(two, first + many, many);
    await paint(one, first, many);
    const [x, y] = [first + many - 1, first + 2 * many];
    const set = (page: Page, cell: number, value: boolean) =>
      page.evaluate(([at, to]) => window.kept.set(at, at + 1, to), [cell, value] as const);
    await set(two, x, false);
    await set(two, y, true);
    await set(one, y, false);
    await Promise.all([one.close(), two.close()]);
    await open(context);
    await until("the last ones are in the store", () => stored.get(x)?.length === 2 && stored.get(y)?.length === 2);
    assert.deepEqual(
      [stored.get(x), stored.get(y)],
      [
        [true, false],
        [true, false],
      ],
    );
    for (const part of [0, many - CELLS - 1, many, 2 * many - CELLS]) await untilStored(first + part);
  });

  test("are not delivered for another user of the browser", async (t) => {
    const { context, first } = await start(t);
    const ann = await open(context, "?user=ann");
    await paint(ann, first);
    await ann.close();
    const bob = await open(context, "?user=bob");
    await bob.evaluate((cell) => window.kept.set(cell, cell + 1, true), first + RANGE - 1);
    await until("Bob's change is in the store", () => stored.has(first + RANGE - 1));
    assert.deepEqual(await bob.evaluate(() => window.kept.earlier), []);
    const back = await open(context, "?user=ann");
    await delivered(back);
    await untilStored(first);
  });

  test("are lost, and reported as such, after five minutes", async (t) => {
    const { context, first } = await start(t);
    const page = await open(context);
    await paint(page, first);
    await page.close();
    const later = await context.newPage();
    await later.clock.install({ time: Date.now() + 6 * 60_000 });
    await later.goto(server.url);
    const report = await delivered(later);
    assert.equal(report?.delivered, 0);
    assert.ok(report && report.lost > 0);
  });

  test("are not kept without Web Locks, because two pages could then deliver them", async (t) => {
    const { context, first } = await start(t);
    await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    const page = await open(context);
    await paint(page, first);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  });
});
