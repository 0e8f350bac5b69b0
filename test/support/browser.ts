/*
 * The system's Chromium, driven by playwright-core. The headless shell is the same engine without
 * the browser's own windows, and takes half of the processor time.
 */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: QUIET });
}

/** A browser whose user has a profile, in `folder`. It ends with its context. */
export function launchWithProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: findChromium(), args: QUIET });
}

function findChromium(): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const executablePath = paths.find((path) => existsSync(path));
  if (!executablePath) throw new Error("no Chromium found; npm test installs one");
  return executablePath;
}

/**
 * Opens a board's page and waits until its grid is filled. What the console says of errors is collected. `script` runs in
 * the page before its own.
 */
export async function openBoard(
  browser: Browser,
  url: string,
  script?: (() => void) | string,
): Promise<{ page: Page; errors: string[] }> {
  const page = await (await browser.newContext()).newPage();
  if (script) await page.addInitScript(script);
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  const grid = page.locator('[data-testid=grid][aria-busy="false"]');
  await grid.waitFor().catch(async (cause: Error) => {
    const texts = await page.locator("body").innerText();
    throw new Error(`the grid was not filled. The console: ${errors.join("; ")}. The page: ${texts}`, { cause });
  });
  return { page, errors };
}
