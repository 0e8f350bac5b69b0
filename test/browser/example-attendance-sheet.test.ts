/* The example of an attendance sheet, built and started as its README says, in Chromium. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { DAYS, NAMES, TEACHER } from "../../examples/attendance-sheet/sheet.js";
import type { Board } from "../../src/client/index.js";
import { launchChromium } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { buildPage, startExample, typeCommands, visit } from "../support/examples.js";
import { temporaryFolder } from "../support/folder.js";
import { outcome } from "../support/outcome.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

describe("the example of an attendance sheet", () => {
  before(() => buildPage("attendance-sheet"));

  const box = (page: Page, name: string) => page.getByRole("checkbox", { name, exact: true });
  const isEnabled = (locator: Locator) => until("it may be checked", () => locator.isEnabled());

  async function signIn(page: Page, name: string, code: string): Promise<void> {
    await page.getByLabel("Name").selectOption(name);
    await page.getByLabel("Code").fill(code);
    await page.keyboard.press("Enter");
  }

  async function fillIn(t: TestContext, teacherUrl: string, otherUrl: string): Promise<void> {
    const [teacher, other] = [await visit(t, browser, teacherUrl), await visit(t, browser, otherUrl)];
    await box(other, "Ada Lovelace, Mon 2").waitFor();
    await other.getByText(/^Live/).waitFor();
    assert.equal(await box(other, "Ada Lovelace, Mon 2").isEnabled(), false);
    await signIn(teacher, TEACHER, "pencil");
    await teacher.getByRole("alert").waitFor();
    await signIn(teacher, TEACHER, "chalk");
    await isEnabled(box(teacher, "Ada Lovelace, Mon 2"));
    await box(teacher, "Ada Lovelace, Mon 2").focus();
    await teacher.keyboard.press("ArrowDown");
    await teacher.keyboard.press("ArrowRight");
    await teacher.keyboard.press("Space");
    await signIn(other, "Emmy Noether", "pencil");
    await isEnabled(box(other, "Emmy Noether, Fri 6"));
    await box(other, "Emmy Noether, Fri 6").click();
    for (const page of [teacher, other]) {
      await until("the marks are there", async () => {
        const marks = ["Alan Turing, Tue 3", "Emmy Noether, Fri 6", "Ada Lovelace, Mon 2"];
        const checked = await Promise.all(marks.map((mark) => box(page, mark).isChecked()));
        return checked.join() === "true,true,false";
      });
      const totals = await page.locator("tfoot td").allTextContents();
      assert.deepEqual(totals, ["0", "1", "0", "0", "1", "0", "0", "0", "0", "0", "2"]);
    }
    assert.equal(await box(other, "Alan Turing, Tue 3").isEnabled(), false);
    const body = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"value":true}' };
    assert.equal((await fetch(`${otherUrl}/boards/attendance/cells/0`, body)).status, 401);
    await teacher.reload();
    await isEnabled(box(teacher, "Alan Turing, Tue 3"));
    await teacher.getByRole("button", { name: "Teacher · sign out" }).click();
    await teacher.getByLabel("Code").waitFor();
    await until("the sheet is closed again", () => box(teacher, "Alan Turing, Tue 3").isDisabled());
  }

  /** Signs a participant in, without a page. */
  async function participant(t: TestContext, url: string, name: string): Promise<Board> {
    const response = await fetch(`${url}/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, code: "pencil" }),
    });
    const { token } = await response.json();
    const { board, close } = await watchBoard(url, "attendance", { token: () => token });
    t.after(close);
    return board;
  }

  test("as typed from its README: 18 participants each fill in their own row and no other, under the eyes of the teacher and a visitor", async (t) => {
    const [first, second] = await typeCommands(t, "attendance-sheet");
    const [teacher, visitor] = [await visit(t, browser, first.url), await visit(t, browser, second.url)];
    await signIn(teacher, TEACHER, "chalk");
    await isEnabled(box(teacher, "Ada Lovelace, Mon 2"));
    const participants = await Promise.all(
      NAMES.map((name, row) => participant(t, row % 2 === 0 ? first.url : second.url, name)),
    );
    const outcomes = await Promise.all(
      participants.flatMap((board, row) => {
        const own = row * DAYS.length;
        const next = ((row + 1) % NAMES.length) * DAYS.length + 1;
        return [outcome(board.set(own, true)), outcome(board.set(next, true))];
      }),
    );
    assert.deepEqual(
      outcomes,
      NAMES.flatMap(() => ["done", "FORBIDDEN"]),
    );
    const columns = (page: Page) => page.locator("tfoot td").allTextContents();
    for (const page of [teacher, visitor]) {
      await until("all are marked as present", async () => (await columns(page)).slice(0, 2).join() === "18,0");
    }
    await box(teacher, "Radia Perlman, Mon 2").click();
    await until("the teacher may change any", async () => (await columns(visitor))[0] === "17");
  });

  test("is filled in by the teacher and a participant, over two instances on one Valkey", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const env = { VALKEY_URL: valkey.url };
    await fillIn(t, await startExample(t, "attendance-sheet", env), await startExample(t, "attendance-sheet", env));
  });

  test("works alone, without Valkey, and keeps what was filled in", async (t) => {
    const url = await startExample(t, "attendance-sheet", { DATA_DIR: temporaryFolder(t) });
    await fillIn(t, url, url);
  });
});
