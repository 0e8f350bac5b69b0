/* The examples, built and started as their READMEs say, in Chromium, over two instances. */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Locator, Page } from "playwright-core";
import { launchChromium } from "../support/browser.js";
import { temporaryFolder } from "../support/folder.js";
import { program } from "../support/program.js";
import { until } from "../support/until.js";
import { freePort, type ServerProcess, startServer } from "../support/valkey-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

/** Builds the example's page, by the command that its README has. */
function buildPage(name: string): void {
  const readme = readFileSync(join(root, "examples", name, "README.md"), "utf8");
  assert.ok(readme.includes(`\nnpx vite build examples/${name}\n`));
  assert.ok(readme.includes(`\nnpx tsx examples/${name}/server.ts\n`));
  execFileSync("npx", ["vite", "build", `examples/${name}`, "--logLevel", "warn"], { cwd: root, stdio: "inherit" });
}

/** Starts it by that command; ends with the test, by SIGTERM, and must end well. */
async function start(t: TestContext, name: string, env: Record<string, string>): Promise<string> {
  const port = await freePort();
  const { VALKEY_URL: _, ...inherited } = process.env;
  const child = spawn(process.execPath, program(`examples/${name}/server.ts`), {
    cwd: root,
    env: { ...inherited, PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  await until(`${name} says where it is`, () => output.includes(`http://localhost:${port}`), 30_000);
  return `http://localhost:${port}`;
}

/** A browser of one's own. */
async function visit(t: TestContext, url: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  t.after(async () => {
    await context.close();
    assert.deepEqual(errors, []);
  });
  await page.goto(url);
  return page;
}

describe("the example of a seat map", () => {
  let valkey: ServerProcess;
  before(async () => {
    valkey = await startServer();
    buildPage("seat-map");
  });
  after(() => valkey.stop());

  const seat = (page: Page, name: string) => page.getByRole("checkbox", { name: new RegExp(`^Seat ${name},`) });
  const becomes = (page: Page, name: string, state: string) =>
    page.getByRole("checkbox", { name: `Seat ${name}, ${state}`, exact: true }).waitFor();
  const newsSays = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();
  const seatsOf = (page: Page): Promise<number[]> => page.evaluate(async () => (await fetch("/my/seats")).json());

  test("shows who took what through another instance, keeps it for them, and lets go of it when they give it back", async (t) => {
    const env = { VALKEY_URL: valkey.url };
    const urls = [await start(t, "seat-map", env), await start(t, "seat-map", env)] as const;
    const [ann, ben] = [await visit(t, urls[0]), await visit(t, urls[1])];
    await Promise.all([becomes(ann, "A1", "free"), becomes(ben, "A1", "free")]);
    // By keyboard alone: the seats are one stop, arrow keys move in them.
    await ann.keyboard.press("Tab");
    await ann.keyboard.press("ArrowRight");
    await ann.keyboard.press("ArrowDown");
    await ann.keyboard.press("Space");
    await becomes(ann, "B2", "yours");
    await becomes(ben, "B2", "taken");
    assert.equal(await seat(ann, "B2").isChecked(), true);
    assert.equal(await ann.locator("#mine").textContent(), "B2");
    for (const page of [ann, ben]) await newsSays(page, "B2 was taken; 95 seats are left.");

    await seat(ben, "B2").click({ force: true });
    await newsSays(ben, "B2 is taken.");
    const status = (page: Page, method: string, path: string, body?: string) =>
      page.evaluate(
        async ([url, verb, content]) => {
          const headers = { "content-type": "application/json" };
          return (await fetch(url, { method: verb, headers, ...(content ? { body: content } : {}) })).status;
        },
        [path, method, body] as const,
      );
    assert.equal(await status(ben, "PUT", "/boards/seats/cells/13", '{"value":false}'), 403);
    assert.equal(await status(ben, "PUT", "/boards/seats/cells/13", '{"value":true}'), 403);
    assert.equal(await status(ben, "DELETE", "/my/seats/13"), 403);
    assert.equal((await fetch(`${urls[0]}/boards/seats/cells/14`, { method: "PUT", body: "1" })).status, 403);
    await becomes(ann, "B2", "yours");

    await ann.reload();
    await becomes(ann, "B2", "yours");
    await seat(ann, "B2").click();
    await Promise.all([becomes(ann, "B2", "free"), becomes(ben, "B2", "free")]);
    await newsSays(ben, "B2 was given back; 96 seats are left.");
    await seat(ben, "B2").click();
    await becomes(ann, "B2", "taken");
    await becomes(ben, "B2", "yours");
    assert.deepEqual([await seatsOf(ann), await seatsOf(ben)], [[], [13]]);
    await seat(ben, "B2").click();
    await becomes(ann, "B2", "free");
  });

  test("gives each seat to one of two who want the same row at the same moment, and each page says whose it is", async (t) => {
    const env = { VALKEY_URL: valkey.url };
    const urls = [await start(t, "seat-map", env), await start(t, "seat-map", env)] as const;
    const pages = [await visit(t, urls[0]), await visit(t, urls[1])] as const;
    await Promise.all(pages.map((page) => becomes(page, "H12", "free")));
    const pickRow = async () => {
      for (const box of document.querySelectorAll<HTMLInputElement>(".row:nth-child(8) input")) {
        box.click();
        // One write for each seat, not one for all.
        await new Promise((done) => setTimeout(done));
      }
    };
    await Promise.all(pages.map((page) => page.evaluate(pickRow)));
    const count = (page: Page, state: string) =>
      page.getByRole("checkbox", { name: new RegExp(`^Seat H\\d+, ${state}$`) }).count();
    await until("both pages say whose each seat is", async () => {
      for (const page of pages) if ((await count(page, "yours")) + (await count(page, "taken")) !== 12) return false;
      return (await count(pages[0], "yours")) + (await count(pages[1], "yours")) === 12;
    });
    const [anns, bens] = [await seatsOf(pages[0]), await seatsOf(pages[1])];
    assert.equal(new Set([...anns, ...bens]).size, 12);
    assert.deepEqual([await count(pages[0], "yours"), await count(pages[1], "yours")], [anns.length, bens.length]);
  });
});

describe("the example of an attendance sheet", () => {
  before(() => buildPage("attendance-sheet"));

  const box = (page: Page, name: string) => page.getByRole("checkbox", { name, exact: true });
  const isEnabled = (locator: Locator) => until("it may be checked", () => locator.isEnabled());

  async function signIn(page: Page, code: string): Promise<void> {
    await page.getByLabel("Teacher's code").fill(code);
    await page.keyboard.press("Enter");
  }

  async function fillIn(t: TestContext, teacherUrl: string, viewerUrl: string): Promise<void> {
    const [teacher, viewer] = [await visit(t, teacherUrl), await visit(t, viewerUrl)];
    await box(viewer, "Ada Lovelace, Mon 2").waitFor();
    await viewer.getByText(/^Live/).waitFor();
    assert.equal(await box(viewer, "Ada Lovelace, Mon 2").isEnabled(), false);
    await signIn(teacher, "cheese");
    await teacher.getByRole("alert").waitFor();
    await signIn(teacher, "chalk");
    await isEnabled(box(teacher, "Ada Lovelace, Mon 2"));
    await box(teacher, "Ada Lovelace, Mon 2").focus();
    await teacher.keyboard.press("ArrowDown");
    await teacher.keyboard.press("ArrowRight");
    await teacher.keyboard.press("Space");
    await box(teacher, "Emmy Noether, Fri 6").click();
    for (const page of [teacher, viewer]) {
      await until("the marks are there", async () => {
        const marks = ["Alan Turing, Tue 3", "Emmy Noether, Fri 6", "Ada Lovelace, Mon 2"];
        const checked = await Promise.all(marks.map((mark) => box(page, mark).isChecked()));
        return checked.join() === "true,true,false";
      });
      const totals = await page.locator("tfoot td").allTextContents();
      assert.deepEqual(totals, ["0", "1", "0", "0", "1", "0", "0", "0", "0", "0", "2"]);
    }
    assert.equal(await box(viewer, "Alan Turing, Tue 3").isEnabled(), false);
    const body = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"value":true}' };
    assert.equal((await fetch(`${viewerUrl}/boards/attendance/cells/0`, body)).status, 401);
    await teacher.reload();
    await isEnabled(box(teacher, "Alan Turing, Tue 3"));
    await teacher.getByRole("button", { name: /sign out/ }).click();
    await teacher.getByLabel("Teacher's code").waitFor();
    await until("the sheet is closed again", () => box(teacher, "Alan Turing, Tue 3").isDisabled());
  }

  test("is filled in by the teacher and seen by others, over two instances on one Valkey", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const env = { VALKEY_URL: valkey.url };
    await fillIn(t, await start(t, "attendance-sheet", env), await start(t, "attendance-sheet", env));
  });

  test("works alone, without Valkey, and keeps what was filled in", async (t) => {
    const url = await start(t, "attendance-sheet", { DATA_DIR: temporaryFolder(t) });
    await fillIn(t, url, url);
  });
});
