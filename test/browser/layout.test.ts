/*
 * The layout of every state of the app: nothing overlaps at any size, nor with text of twice the size, and axe-core finds
 * no violation. All of it takes minutes. So some sizes and states are left out, and each state has its turn with axe at
 * one size and in one colour scheme. To check all states at all sizes, and see what was judged: LAYOUT=all npm test -- layout
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type AppState, STATES, type StateSite, startStates } from "../support/app-states.js";
import { runAxe } from "../support/axe.js";
import { launchChromium } from "../support/browser.js";
import { temporaryFolder } from "../support/folder.js";
import { layoutFaults } from "../support/layout-faults.js";

const SIZES = [
  [320, 480],
  [320, 568],
  [390, 844],
  [844, 390],
  [820, 1_180],
  [1_440, 900],
  [2_560, 1_440],
] as const;
const SCHEMES = ["light", "dark"] as const;
const VIEWS = SIZES.flatMap(([width, height]) => SCHEMES.map((colorScheme) => ({ width, height, colorScheme })));
const IS_WHOLE = process.env.LAYOUT === "all";
/** The others are between two of these, or as the largest. */
const IN_SHORT = { 16: ["320×480", "390×844", "844×390", "820×1180", "1440×900"], 32: ["320×480", "844×390"] };
/** Letters of the default size, in px, and twice that. */
const TEXT_PX = [16, 32] as const;
/** Of the window. A line of the header is 2.75 rem high. */
const HEADER_REM = 2.8;

describe("the layout of the app", { concurrency: 4 }, () => {
  let browser: Browser;
  let site: StateSite;
  before(async () => {
    browser = await launchChromium();
    site = await startStates(browser, temporaryFolder({ after }));
  });
  after(async () => {
    await browser.close();
    await site.stop();
  });

  const states = STATES.filter(({ isAlike }) => IS_WHOLE || !isAlike);
  for (const [index, state] of states.entries()) {
    test(`has no overlaps, and axe finds nothing: ${state.name}`, async (t) => {
      const page = await site.open(state);
      t.after(() => page.context().close());
      for (const textPx of TEXT_PX) await checkBoxes(page, state, textPx);
      await setText(page, TEXT_PX[0]);
      const views = IS_WHOLE ? VIEWS : VIEWS.filter((_, number) => number === index % VIEWS.length);
      for (const { colorScheme, ...size } of views) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(size);
        await state.hold?.(page);
        const { faults, judged } = await runAxe(page);
        assert.deepEqual(faults, [], `${size.width} × ${size.height}, ${colorScheme}`);
        if (IS_WHOLE) for (const each of judged) t.diagnostic(each);
      }
    });
  }

  async function checkBoxes(page: Page, state: AppState, textPx: 16 | 32): Promise<void> {
    await setText(page, textPx);
    for (const { colorScheme, ...size } of VIEWS) {
      // Colours do not move boxes.
      const isLeftOut = colorScheme === "dark" || !IN_SHORT[textPx].includes(`${size.width}×${size.height}`);
      if (isLeftOut && !IS_WHOLE) continue;
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(size);
      await state.hold?.(page);
      const faults = (await Promise.all(page.frames().map(layoutFaults))).flat();
      const isLarge = textPx > TEXT_PX[0];
      // A note with large text may need more room than the board has.
      const left = faults.filter((fault) => !(isLarge && fault.includes("cell-note")));
      assert.deepEqual(left, [], `${size.width} × ${size.height}, ${colorScheme}, text of ${textPx} px`);
      const header = await page.locator("body > * > .page > .header").evaluateAll(([line]) => line?.clientHeight ?? 0);
      assert.ok(header <= HEADER_REM * textPx, `a header of one line at ${size.width} px, not ${header} px`);
    }
  }
});

/** As the browser's own setting does. */
async function setText(page: Page, textPx = 16): Promise<void> {
  const protocol = await page.context().newCDPSession(page);
  await protocol.send("Page.setFontSizes", { fontSizes: { standard: textPx, fixed: textPx } });
  await protocol.detach();
}
