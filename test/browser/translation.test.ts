/*
 * A browser that translates the page, as Chrome does. The translator moves each translatable text
 * into its own elements, so later changes of the old text do not show. No text that changes may be
 * translatable.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { openBoard } from "../support/browser.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";

/**
 * Runs in the page: keeps each text that changes in place and may be translated, and translates
 * what there is and comes.
 */
function translator(): void {
  const changed: string[] = [];
  Object.assign(window, { changedTexts: changed });
  const isDone = (element: Element | null) => !element || element.closest("font, script, style") !== null;
  const mayBe = (element: Element | null) => element instanceof HTMLElement && element.translate && !isDone(element);
  const translate = (root: Node) => {
    const texts: Text[] = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node instanceof Text && node.data.trim() !== "" && mayBe(node.parentElement)) texts.push(node);
    }
    for (const text of texts) {
      const outer = document.createElement("font");
      const inner = document.createElement("font");
      inner.textContent = `«${text.data}»`;
      outer.append(inner);
      text.replaceWith(outer);
    }
  };
  const begin = () => {
    translate(document.body);
    new MutationObserver((records) => {
      for (const { type, target, addedNodes } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        if (type === "characterData" && mayBe(element)) changed.push(`${element?.outerHTML}`);
        for (const node of addedNodes) if (node instanceof Element && node.tagName !== "FONT") translate(node);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    // A text that was replaced is in no tree that is observed, so it is looked at where it is set.
    const data = Object.getOwnPropertyDescriptor(CharacterData.prototype, "data");
    Object.defineProperty(CharacterData.prototype, "data", {
      ...data,
      set(this: CharacterData, value: string) {
        if (!this.isConnected) changed.push(`a text that was translated: ${this.data} → ${value}`);
        data?.set?.call(this, value);
      },
    });
  };
  Object.assign(window, { beginTranslation: begin });
}

/** As text: what runs the tests wraps functions in a helper that the page has not. */
const TRANSLATOR = `globalThis.__name = (named) => named; (${translator})()`;

const begin = (page: Page) => page.evaluate("beginTranslation()");
const changed = (page: Page) => page.evaluate<string[]>("changedTexts");
/** Texts of a kind that changes, even if not in this test. */
/** The list of keys never changes. */
const LIVING =
  "[role=status], output, dd:not(dialog dd), tbody td, tbody th, .message, .refusal-note, .replay, .access";
const unmarked = (page: Page) =>
  page
    .locator(LIVING)
    .evaluateAll((all) =>
      all.flatMap((each) => (each instanceof HTMLElement && !each.translate ? [] : [each.outerHTML])),
    );
const said = (page: Page, name: string) => page.getByTestId(name).textContent();

describe("a page that the browser translates", () => {
  let site: Site;
  const ends: (() => unknown)[] = [];
  before(async () => {
    const boards = "main=100,large=1000000";
    site = await startSite({ after: (end) => void ends.push(end) }, [{ BOARDS: boards }, { BOARDS: boards }]);
  });
  after(async () => {
    await site.stop();
    for (const end of ends) await end();
  });
  const urlOf = (index: number) => site.instances[index]?.url ?? "";

  test("changing texts stay current on a small board, even if its instance is lost", async () => {
    const [one] = site.instances;
    const { page, errors } = await openBoard(site.browser, urlOf(0), TRANSLATOR);
    await begin(page);
    assert.match(
      (await page.locator("label", { hasText: "Go to number" }).textContent()) ?? "",
      /«/,
      "it is translated",
    );
    for (const cell of [1, 2]) await page.locator(`input[data-cell="${cell}"]`).click();
    await until("the count stays current", async () => /^2 of 100/.test((await said(page, "status-checked")) ?? ""));
    const other = await openBoard(site.browser, urlOf(0));
    await until("the number of people stays current", async () => /^2/.test((await said(page, "status-online")) ?? ""));
    await page.locator('input[data-cell="7"]').hover();
    await until("the line names the cell", async () => /7/.test((await said(page, "message")) ?? ""));
    await page.getByTestId("go-to").locator("input").fill("1000");
    await page.getByTestId("go-to").locator("button").click();
    await until("a wrong number is said", async () => ((await said(page, "go-to-error")) ?? "") !== "");
    await other.page.context().close();
    const before = await said(page, "status-connection");
    await one?.stop();
    await until("the loss is said", async () => (await said(page, "status-connection")) !== before);
    await until("and to screen readers", async () => /lost/.test((await said(page, "announcer")) ?? ""));
    assert.deepEqual([await changed(page), await unmarked(page)], [[], []]);
    assert.deepEqual(
      errors.filter((error) => !/ERR_CONNECTION|WebSocket|Failed to load/.test(error)),
      [],
    );
    await page.context().close();
  });

  test("changing texts stay current on a large board, and on /cluster", async () => {
    const { page } = await openBoard(site.browser, `${urlOf(1)}/?board=large#cell=500500&zoom=24`, TRANSLATOR);
    await begin(page);
    const box = await page.getByTestId("canvas").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await until("the line names a cell", async () => /\d/.test((await said(page, "message")) ?? ""));
    await page.getByTestId("grid").focus();
    await page.keyboard.press("ArrowRight");
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await until("the count stays current", async () => /^1 of/.test((await said(page, "status-checked")) ?? ""));
    await until("the place is listed", async () => (await page.getByTestId("places").locator("button").count()) > 0);
    assert.deepEqual([await changed(page), await unmarked(page)], [[], []]);

    await page.goto(`${urlOf(1)}/cluster`);
    await page.getByTestId("cluster-instance").first().waitFor();
    await begin(page);
    const row = () => page.getByTestId("cluster-instance").first().textContent();
    const first = await row();
    await until("its numbers go on", async () => (await row()) !== first);
    assert.deepEqual([await changed(page), await unmarked(page)], [[], []]);
    await page.context().close();
  });
});
