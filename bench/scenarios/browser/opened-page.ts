/* A page of the browser for one measurement, as on a slow computer if the scenario asks for it. */

import type { Browser, CDPSession, Page } from "playwright-core";
import { atMost, type Target } from "../../load/outcome.js";

/** The processor at full speed, and at a sixth of it. */
export const SLOWDOWNS = [1, 6] as const;
export type Slowdown = (typeof SLOWDOWNS)[number];

/** The grid of a board, once all that is in sight is loaded and drawn. */
export const READY = '[data-testid=grid][aria-busy="false"]';

export interface OpenedPage {
  readonly page: Page;
  readonly session: CDPSession;
  close(): Promise<void>;
}

/** An empty page with an empty browser profile. */
export async function openPage(browser: Browser, slowdown: Slowdown = 1): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
  // tsx compiles functions to call a helper that the browser lacks.
  await page.addInitScript("globalThis.__name = (made) => made");
  return { page, session, close: () => context.close() };
}

/** Shows a board as a first visit would, with no script of an earlier one running. */
export async function showBoard(page: Page, url: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(url);
  await page.locator(READY).waitFor({ state: "attached" });
}

/** Of each slowdown, the largest value must be at most this many milliseconds. */
export function worstAtMost(
  msMax: Readonly<Record<Slowdown, number>>,
  text: string,
  values: readonly { readonly slowdown: number; readonly ms: number }[],
): Target[] {
  return SLOWDOWNS.map((slowdown) => {
    const worst = Math.max(...values.filter((value) => value.slowdown === slowdown).map(({ ms }) => ms));
    const device = slowdown === 1 ? "this computer" : `${slowdown} × slower CPU`;
    return atMost(msMax[slowdown], "ms", `${text}, ${device}`, worst);
  });
}
