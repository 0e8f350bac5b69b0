/*
 * `useBoard` in real Chromium, in a bundled page with React's StrictMode, against real instances.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import express from "express";
import type { Browser, Page as BrowserPage } from "playwright-core";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { build } from "vite";
import { launchChromium } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";
import { Page } from "./react-page/hydrated.js";
import type { Shown } from "./react-page/page.js";

const reactPage = fileURLToPath(new URL("react-page", import.meta.url));
const BOARDS = { seats: 64, stalls: 64, rendered: 64, row: 64, wall: 200_000, vast: 1_000_000 };

/** As on a network that passes none. Runs in the page. */
function failWebSockets(): void {
  class Failing {
    onerror?: () => void;

    constructor() {
      setTimeout(() => this.onerror?.());
    }

    close(): void {}
  }
  Object.assign(window, { WebSocket: Failing });
}

describe("useBoard", () => {
  let browser: Browser;
  let valkey: ServerProcess;
  const folder = temporaryFolder({ after });
  before(async () => {
    [browser, valkey] = await Promise.all([
      launchChromium(),
      startServer(),
      build({
        root: reactPage,
        logLevel: "error",
        // The React that checks itself, and mounts twice.
        define: { "process.env.NODE_ENV": '"development"' },
        build: {
          outDir: folder,
          minify: false,
          rolldownOptions: { input: ["index.html", "hydrated.html"].map((name) => join(reactPage, name)) },
        },
      }),
    ]);
  });
  after(async () => {
    await browser.close();
    await valkey.stop();
  });

  const start = (t: TestContext) =>
    startApp(t, { boards: BOARDS, claims: "stalls=5m", valkeyUrl: valkey.url }, (app) =>
      app.use(express.static(folder)),
    );

  async function open(
    t: TestContext,
    ...apps: EmbeddedApp[]
  ): Promise<{ page: BrowserPage; show(shown: Shown): Promise<void> }> {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    t.after(async () => {
      await page.close();
      // An instance that ends, in a test or after it, is no fault of the page.
      assert.deepEqual(
        errors.filter((text) => !/net::ERR_CONNECTION_(REFUSED|RESET)|response code: 503/.test(text)),
        [],
      );
    });
    const query = apps.map(({ url }) => `url=${encodeURIComponent(url)}`).join("&");
    await page.goto(`${apps[0]?.url}/?${query}`);
    await page.locator("main[data-connected=true]").waitFor({ state: "attached" });
    return { page, show: (shown) => page.evaluate((what) => window.show(what), shown) };
  }

  const seats = (...cells: number[]) => cells.map((cell) => ({ board: "seats", cell }));
  const box = (page: BrowserPage, name: string) => page.locator(`[data-cell="${name}"]`);
  const enabled = (page: BrowserPage, name: string) => page.locator(`[data-cell="${name}"]:enabled`).waitFor();
  const pagesWatched = ({ boards }: EmbeddedApp) =>
    Array.from(boards.instance.pages.hubs()).reduce((sum, hub) => sum + hub.watchers, 0);

  test("the page was bundled with the React that checks itself", () => {
    const assets = join(folder, "assets");
    const script = readdirSync(assets)
      .map((name) => readFileSync(join(assets, name), "utf8"))
      .join();
    assert.match(script, /StrictMode/);
    assert.doesNotMatch(script, /Minified React error/);
  });

  test("shows a click of another instance, and sends its own; a component is rendered for its own cells alone", async (t) => {
    const [one, two] = [await start(t), await start(t)];
    const { page, show } = await open(t, one);
    await show({ cells: seats(1, 2, 3) });
    await Promise.all([1, 2, 3].map((cell) => enabled(page, `seats:${cell}`)));
    const before = await page.evaluate(() => ({ ...window.commits }));
    const other = await watchBoard(two.url, "seats");
    t.after(() => other.close());
    // Renders the page around the cells.
    await page.locator('main[data-online="2"]').waitFor({ state: "attached" });
    await other.board.set(2, true);
    await until("the page shows it", () => box(page, "seats:2").isChecked());
    await box(page, "seats:3").click();
    await until("the other client sees it", () => other.board.get(3) === true);
    assert.equal(await box(page, "seats:3").isChecked(), true);
    const commits = await page.evaluate(() => ({ ...window.commits }));
    const more = Object.fromEntries(
      Object.entries(commits).map(([name, count]) => [name, count - (before[name] ?? 0)]),
    );
    assert.deepEqual(more, { "seats:1": 0, "seats:2": 1, "seats:3": 1 });
    assert.deepEqual(await page.evaluate(() => window.mounts["seats:1"]), 2, "StrictMode did not mount twice");
    assert.equal(pagesWatched(one), 1, "components do not share their watch");
  });

  test("lets go of what nobody shows any more, and of nothing that somebody does", async (t) => {
    const app = await start(t);
    const { page, show } = await open(t, app);
    await show({ cells: [...seats(1), { board: "wall", cell: 5 }, { board: "wall", cell: 70_000 }] });
    for (const name of ["seats:1", "wall:5", "wall:70000"]) await enabled(page, name);
    assert.equal(pagesWatched(app), 3);
    await show({ cells: [{ board: "wall", cell: 6 }] });
    await enabled(page, "wall:6");
    await until("two are let go", () => pagesWatched(app) === 1);
    await show({ cells: [] });
    await until("all are let go", () => pagesWatched(app) === 0);
    await show({ cells: seats(1) });
    await enabled(page, "seats:1");
    assert.equal(pagesWatched(app), 1);
  });

  test("follows a change of range and of board, and never shows the cells of another", async (t) => {
    const app = await start(t);
    const { page, show } = await open(t, app);
    const board = app.boards.board("wall");
    await board.setAll(
      [
        [3, true],
        [65_536, true],
        [199_999, true],
      ],
      { split: true },
    );
    await app.boards.board("row").set(5, true);
    const shown = async (range: NonNullable<Shown["range"]>, text: string) => {
      await show({ cells: [], range });
      await until(`${text} is shown`, async () => (await page.locator("output").textContent()) === text);
    };
    await shown({ board: "wall", start: 0, end: 5 }, "00010");
    await page.evaluate(() => {
      const texts: (string | null)[] = [];
      Object.assign(window, { texts });
      new MutationObserver(() => texts.push(document.querySelector("output")?.textContent ?? null)).observe(
        document.body,
        { subtree: true, childList: true, characterData: true },
      );
    });
    await shown({ board: "wall", start: 2, end: 5 }, "010");
    await shown({ board: "wall", start: 65_535, end: 65_538 }, "010");
    await shown({ board: "wall", start: 199_998, end: 300_000 }, "01");
    await shown({ board: "row", start: 4, end: 7 }, "010");
    await shown({ board: "row" }, `${"0".repeat(5)}1${"0".repeat(58)}`);
    const texts: string[] = await page.evaluate(() => Reflect.get(window, "texts"));
    const mayBe = new Set(["010", "01", `${"0".repeat(5)}1${"0".repeat(58)}`, "0??", "???", "??", "?".repeat(3), ""]);
    assert.deepEqual(
      texts.filter((text) => !mayBe.has(text)),
      [],
    );
    assert.equal(texts[0], "010", "a range on a page that is here already was not shown at once");
  });

  test("shows which cells are the user's and which somebody else's, as it changes", async (t) => {
    const app = await start(t);
    const { page, show } = await open(t, app);
    const other = await watchBoard(app.url, "stalls");
    t.after(() => other.close());
    await other.board.set(3, true);
    await show({ cells: [{ board: "stalls", cell: 2 }], range: { board: "stalls", start: 1, end: 6 } });
    const output = page.locator("output");
    const shown = async () => `${await output.getAttribute("data-mine")}|${await output.getAttribute("data-taken")}`;
    await until("one is taken", async () => (await shown()) === "|3");
    await box(page, "stalls:2").click();
    await until("one is theirs", async () => (await shown()) === "2|3");
    const endMs = Number(await output.getAttribute("data-end"));
    assert.ok(endMs > Date.now() + 200_000 && endMs < Date.now() + 301_000, `a hold until ${endMs}`);
    await other.board.set(3, false);
    await until("it is free", async () => (await shown()) === "2|");
    await box(page, "stalls:2").click();
    await until("both are free", async () => (await shown()) === "|");
    await other.board.set(2, true);
    await until("it is the other's", async () => (await shown()) === "|2");
  });

  test("says what cannot be had: an unknown board, and, while rendering, a range that is too large", async (t) => {
    const app = await start(t);
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.goto(`${app.url}/?url=${encodeURIComponent(app.url)}`);
    await page.locator("main[data-connected=true]").waitFor({ state: "attached" });
    await page.evaluate(() => window.show({ cells: [], range: { board: "nowhere" } }));
    await page.locator("output[data-refusal=UNKNOWN_BOARD]").waitFor({ state: "attached" });
    await page.evaluate(() => window.show({ cells: [], range: { board: "vast" } }));
    await page.getByRole("alert").waitFor();
    assert.match((await page.getByRole("alert").textContent()) ?? "", /useBoard shows at most 262144 cells/);
  });

  test("keeps what it shows while the connection is lost, and is right again on another instance", async (t) => {
    const [one, two] = [await start(t), await start(t)];
    const { page, show } = await open(t, one, two);
    await show({ cells: [], range: { board: "seats", start: 10, end: 13 } });
    await page.locator("output[data-ready=true]").waitFor();
    await one.boards.close();
    await two.boards.board("seats").set(11, true);
    await until("it shows what came meanwhile", async () => (await page.locator("output").textContent()) === "010");
    assert.equal(await page.locator("output").getAttribute("data-right"), "write");
    await two.boards.board("seats").set(11, false);
    await until("it goes on", async () => (await page.locator("output").textContent()) === "000");
  });

  test("says in `refusal` that pages of its origin are refused, over each door", async (t) => {
    const pageOf = await start(t);
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ORIGINS: "https://listed.example" });
    t.after(() => instance.stop());
    const app = await startApp(t, { boards: BOARDS, dataDir: temporaryFolder(t), authorise: () => undefined });
    for (const [url, door] of [
      [instance.url, ""],
      [instance.url, "&socketio"],
      [instance.url, "&socketio, without WebSocket"],
      [app.url, ""],
      [app.url, "&socketio"],
    ] as const) {
      const page = await browser.newPage();
      t.after(() => page.close());
      if (door.includes("without")) await page.addInitScript(failWebSockets);
      await page.goto(`${pageOf.url}/?url=${encodeURIComponent(url)}${door.split(",")[0]}`);
      await page.waitForFunction(() => "show" in window);
      await page.evaluate(() => window.show({ cells: [], range: { board: "main" } }));
      const output = page.locator("output[data-refusal=ORIGIN_REFUSED]");
      await output.waitFor({ state: "attached" });
      const message = (await output.getAttribute("title")) ?? "";
      assert.ok(message.includes(`(${pageOf.url})`) && message.endsWith("ORIGINS option."), `${door}: ${message}`);
      await page.close();
    }
  });

  test("shows the initial bits in a server's markup, and hydrates it without a mismatch, connected or not", async (t) => {
    const app = await start(t);
    const board = app.boards.board("rendered");
    await board.setAll([
      [3, true],
      [4, true],
    ]);
    const initialBits = (await board.bitsOf(0)).subarray(0, 1);
    const markup = renderToString(createElement(Page, { client: undefined, initialBits }));
    assert.match(markup, /<output data-ready="false" data-connected="false">00011000</);
    await board.setAll([
      [3, false],
      [5, true],
    ]);
    const html = readFileSync(join(folder, "hydrated.html"), "utf8");
    app.app.get("/rendered", (_, response) => {
      response.type("html").send(html.replace('<div id="root">', `<div id="root">${markup}`));
    });
    const open = async (url: string) => {
      const page = await browser.newPage();
      t.after(() => page.close());
      const errors: string[] = [];
      page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      await page.goto(`${app.url}/rendered?url=${encodeURIComponent(url)}&bits=${initialBits[0]}`);
      await page.waitForFunction(() => "hydrate" in window);
      const output = page.locator("output");
      const shown = () => output.textContent();
      const hydrate = async () => {
        await page.evaluate(() => Object.assign(document.querySelector("output") ?? {}, { isOfTheServer: true }));
        assert.equal(await page.evaluate(() => Reflect.get(window, "hydrate")()), "00011000");
        await page.locator("output[data-hydrated]").waitFor();
        assert.equal(await output.evaluate((element) => "isOfTheServer" in element), true, "it was rendered again");
        assert.deepEqual(
          errors.filter((text) => !text.includes("net::ERR_")),
          [],
        );
      };
      return { page, output, shown, hydrate };
    };
    const nowhere = await open("http://127.0.0.1:9");
    await nowhere.hydrate();
    assert.equal(await nowhere.shown(), "00011000");

    const late = await open(app.url);
    await late.page.waitForFunction(() => Reflect.get(window, "isLoaded")());
    await late.hydrate();
    await until("it shows the board as it is", async () => (await late.shown()) === "00001100");
    assert.equal(await late.output.getAttribute("data-ready"), "true");
    assert.equal(await late.output.getAttribute("data-connected"), "true");
  });
});
