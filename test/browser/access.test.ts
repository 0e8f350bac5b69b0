/*
 * The page for those who may not do all: boards that need a token, boards to look at, and what
 * admins froze. In real Chromium.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SignJWT } from "jose";
import type { Browser, Page } from "playwright-core";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { launchChromium, openBoard } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

const SECRET = "a secret of at least thirty-two bytes";
const FLAGS = {
  BOARDS: "main=100,seats=100,wall=100,ice=100,large=1000000,lookout=1000000",
  ACCESS: "open,seats=token,wall=read-only,lookout=read-only",
  JWT_SECRET: SECRET,
};
const HOUR_MS = 3_600_000;
const cell = (page: Page, number: number) => page.locator(`input[data-cell="${number}"]`);
const field = (page: Page, name: string) => page.getByTestId(name);

function token(boards: Record<string, string>, endsMs = Date.now() + HOUR_MS): Promise<string> {
  return new SignJWT({ boards, sub: "ann" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(Math.floor(endsMs / 1_000))
    .sign(new TextEncoder().encode(SECRET));
}

async function untilText(page: Page, name: string, pattern: RegExp): Promise<void> {
  await until(`${name} says ${pattern}`, async () => pattern.test((await field(page, name).textContent()) ?? ""));
}

async function filled(page: Page): Promise<void> {
  await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
}

describe("the page of a board with rules", () => {
  let browser: Browser;
  let store: EmbeddedStore;
  let here: LocalInstance;
  let there: LocalInstance;
  /** Added to the clock that tokens end by. */
  let aheadMs = 0;

  before(async () => {
    browser = await launchChromium();
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    const others = { wallClock: () => Date.now() + aheadMs };
    here = await startInstance(FLAGS, store, others);
    there = await startInstance(FLAGS, store, others);
  });
  after(async () => {
    await browser.close();
    await Promise.all([here.stop(), there.stop()]);
    await store.close();
  });

  const open = async (path: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${here.url}/${path}`);
    return page;
  };
  /** An admin, through the other instance. */
  const act = async (board: string, action: string, start: number, end: number) => {
    const answer = await fetch(`${there.url}/boards/${board}/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${await token({ "*": "admin" })}` },
      body: JSON.stringify({ start, end }),
    });
    assert.equal(answer.status, 200);
  };

  test("a token in the link opens the board, leaves the address at once, and lasts only for its tab", async () => {
    const page = await open(`?board=seats#token=${await token({ seats: "write" })}&cell=3`);
    // The link's place, or already that of the view.
    assert.match(page.url().slice(here.url.length), /^\/\?board=seats#cell=(3|\d+&zoom=[\d.]+)$/);
    await filled(page);
    assert.equal(await field(page, "access").count(), 0);
    await cell(page, 7).click();
    await until("the store has it", async () => (await store.read({ board: "seats", page: 0 })).bits[0] === 1);
    // The list of boards is asked for with the token as well.
    await field(page, "more").click();
    await page.getByTestId("boards").getByRole("link", { name: "seats" }).waitFor();
    await page.reload();
    await filled(page);
    // The store has it; the instance may hear of it a moment later.
    await until("it is shown", () => cell(page, 7).isChecked());
    // Of what lasts longer there is only the id of a visitor without a token.
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [
      "socketscaler.visitor",
      "socketscaler.welcomed",
    ]);
    const other = await page.context().newPage();
    await other.goto(`${here.url}/?board=seats`);
    await untilText(other, "access-text", /needs a token/);
    await page.context().close();
  });

  test("without a token the page requests one, rejects a bad one, and restarts with a good one", async () => {
    const page = await open("?board=seats");
    await untilText(page, "access-text", /needs a token/);
    await field(page, "token").fill("not a token");
    await field(page, "token-use").click();
    await untilText(page, "access-text", /not accepted/);
    await field(page, "token").fill(await token({ seats: "view" }));
    await field(page, "token-use").click();
    await filled(page);
    await untilText(page, "access-text", /view this board/);
    await field(page, "access-open").click();
    await field(page, "token-forget").click();
    await untilText(page, "access-text", /needs a token/);
    // A link with a token, followed in the same tab.
    await page.goto(`${here.url}/?board=seats#token=${await token({ seats: "write" })}`);
    await filled(page);
    assert.equal(await field(page, "access").count(), 0);
    assert.ok(!page.url().includes("token"));
    await page.context().close();
  });

  test("a token that ends under the page leaves the view, asks for a fresh one, and takes it", async () => {
    const page = await open(`?board=seats#token=${await token({ seats: "write" })}`);
    await filled(page);
    aheadMs = 2 * HOUR_MS;
    try {
      await cell(page, 9).click();
      await untilText(page, "access-text", /token has expired/);
      await until("the click is taken back, and none is taken any more", async () => {
        return !(await cell(page, 9).isChecked()) && (await cell(page, 9).getAttribute("aria-disabled")) === "true";
      });
      await field(page, "token").fill(await token({ seats: "write" }, Date.now() + 3 * HOUR_MS));
      await field(page, "token-use").click();
      await filled(page);
      await cell(page, 9).click();
      await until("it is stored", async () => ((await store.read({ board: "seats", page: 0 })).bits[1] ?? 0) === 0x40);
    } finally {
      aheadMs = 0;
    }
    await page.context().close();
  });

  test("a board that one may only look at takes no click, and says why, at the cell and to a screen reader", async () => {
    const { page, errors } = await openBoard(browser, `${here.url}/?board=wall`);
    await untilText(page, "access-text", /view this board/);
    await untilText(page, "status-connection", /View only/);
    assert.equal(await page.locator('input[data-cell][aria-disabled="true"]').count(), 100);
    await cell(page, 5).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
    await field(page, "refusal-note").filter({ hasText: "view this board" }).waitFor();
    await untilText(page, "announcer", /Checkbox 6 was not changed/);
    assert.equal(await cell(page, 6).isChecked(), false);
    assert.equal(await cell(page, 6).evaluate((input) => input === document.activeElement), true);
    assert.equal((await store.read({ board: "wall", page: 0 })).position.version, 0);
    // A cell that nobody may change differs from one that only this user may not.
    await act("wall", "freeze", 20, 40);
    await until("frozen ones are marked", async () => (await page.locator("input[data-frozen]").count()) === 20, 5_000);
    await act("wall", "thaw", 20, 40);
    await until("and not any more", async () => (await page.locator("input[data-frozen]").count()) === 0, 5_000);
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  test("frozen cells are shown without a reload, take no click, and work again when they thaw", async () => {
    const { page, errors } = await openBoard(browser, `${here.url}/?board=ice`);
    await cell(page, 20).click();
    await until("it is stored", async () => ((await store.read({ board: "ice", page: 0 })).bits[2] ?? 0) === 0x08);
    await act("ice", "freeze", 20, 40);
    const frozen = page.locator("input[data-frozen][aria-disabled]");
    await until("twenty cells are shown as frozen", async () => (await frozen.count()) === 20, 5_000);
    await untilText(page, "message", /frozen/);
    await cell(page, 20).click({ force: true });
    await field(page, "refusal-note").filter({ hasText: "frozen" }).waitFor();
    assert.equal(await cell(page, 20).isChecked(), true);
    await cell(page, 19).click();
    await until("the others can be checked", async () => cell(page, 19).isChecked());
    const later = await openBoard(browser, `${here.url}/?board=ice`);
    assert.equal(await later.page.locator("input[data-frozen]").count(), 20, "also for who comes later");
    await act("ice", "thaw", 30, 100);
    await until("ten are left", async () => (await frozen.count()) === 10, 5_000);
    await cell(page, 35).click();
    await until("and can be checked", async () => cell(page, 35).isChecked());
    assert.deepEqual([...errors, ...later.errors], []);
    await Promise.all([page.context().close(), later.page.context().close()]);
  });

  test("a frozen region of a large board is hatched; a click is not taken there, and a stroke goes round it", async () => {
    await act("large", "freeze", 1_000, 1_010);
    const { page, errors } = await openBoard(browser, `${here.url}/?board=large#cell=1004&zoom=24`);
    const box = await field(page, "canvas").boundingBox();
    assert.ok(box);
    const at = (across: number) => ({ x: box.x + box.width / 2 + across * 24, y: box.y + box.height / 2 });
    /** More blue than red where the cell is frozen. */
    const isBlue = (across: number) =>
      page.evaluate((dx) => {
        const canvas = document.querySelector<HTMLCanvasElement>("[data-testid=canvas]");
        const x = Math.round((canvas?.width ?? 0) / 2 + dx * 24);
        const data = canvas?.getContext("2d")?.getImageData(x - 8, (canvas?.height ?? 0) / 2 - 8, 16, 16).data ?? [];
        let blue = 0;
        for (let byte = 0; byte < data.length; byte += 4) blue += (data[byte + 2] ?? 0) - (data[byte] ?? 0);
        return blue / (data.length / 4) > 10;
      }, across);
    await until("ten cells are hatched", async () => {
      const shown = await Promise.all([-5, -4, 5, 6].map(isBlue));
      return shown.join() === "false,true,true,false";
    });
    await page.mouse.click(at(0).x, at(0).y);
    await field(page, "refusal-note").filter({ hasText: "frozen" }).waitFor();
    await field(page, "tool-draw").click();
    await page.mouse.move(at(-7).x, at(-7).y);
    await page.mouse.down();
    await page.mouse.move(at(8).x, at(8).y, { steps: 4 });
    await page.mouse.up();
    const { client, board } = await watchBoard(there.url, "large");
    const shown = () => Array.from({ length: 16 }, (_, index) => (board.get(997 + index) ? "1" : "0")).join("");
    await until("the stroke is stored, but for what is frozen", () => shown() === "1110000000000111");
    assert.deepEqual(errors, []);
    client.close();
    await page.context().close();
  });

  test("a large board that one may only look at has no tools to draw with", async () => {
    const { page } = await openBoard(browser, `${here.url}/?board=lookout#cell=500&zoom=24`);
    await untilText(page, "access-text", /view this board/);
    assert.equal(await field(page, "tool-draw").count(), 0);
    const box = await field(page, "canvas").boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await field(page, "refusal-note").filter({ hasText: "view this board" }).waitFor();
    // The click has put the focus on the board.
    await page.keyboard.press("d");
    await page.keyboard.press("+");
    await until("the keys are heard", () => /zoom=(?!24$)/.test(page.url()));
    assert.equal(await field(page, "surface").getAttribute("data-tool"), "move");
    assert.equal((await store.read({ board: "lookout", page: 0 })).position.version, 0);
    await page.context().close();
  });
});
