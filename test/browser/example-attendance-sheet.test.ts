/* The example of an attendance sheet, built and started as its README says, in Chromium. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { launchChromium } from "../support/browser.js";
import { buildPage, startExample, visit } from "../support/examples.js";
import { temporaryFolder } from "../support/folder.js";
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

  async function signIn(page: Page, code: string): Promise<void> {
    await page.getByLabel("Teacher's code").fill(code);
    await page.keyboard.press("Enter");
  }

  async function fillIn(t: TestContext, teacherUrl: string, viewerUrl: string): Promise<void> {
    const [teacher, viewer] = [await visit(t, browser, teacherUrl), await visit(t, browser, viewerUrl)];
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
    await fillIn(t, await startExample(t, "attendance-sheet", env), await startExample(t, "attendance-sheet", env));
  });

  test("works alone, without Valkey, and keeps what was filled in", async (t) => {
    const url = await startExample(t, "attendance-sheet", { DATA_DIR: temporaryFolder(t) });
    await fillIn(t, url, url);
  });
});
