/*
 * The pictures of the lab: a lost message that heals, beside a naive version, as an animation. The
 * README has it, so `npm run screenshots` takes it too.
 *
 *     tsx scripts/lab-screenshots.ts --film FOLDER    the animation alone
 *     tsx scripts/lab-screenshots.ts --look FOLDER    states at two sizes, in light and dark
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../test/support/browser.js";
import { Film } from "./film.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const FRAME_MS = 120;
const HEAL_MS_MAX = 20_000;

const [, , option = "", folder = ""] = process.argv;
const chosen = { "--film": pictureLab, "--look": lookAtLab }[option];
if (chosen && folder !== "") {
  const browser = await launchChromium();
  mkdirSync(folder, { recursive: true });
  await chosen(browser, folder);
  await browser.close();
}

export async function pictureLab(browser: Browser, images: string): Promise<void> {
  await withLab(async (url) => {
    const page = await browser.newPage({ viewport: { width: 900, height: 900 }, deviceScaleFactor: 1 });
    await open(page, url);
    await page.getByTestId("lab-naive").selectOption("bitmap");
    await page.getByTestId("naive-drawing").waitFor({ timeout: HEAL_MS_MAX });
    await page.getByTestId("lab-storm").click();
    await closed(page, "storm");
    writeFileSync(join(images, "lab-heals.gif"), await filmLoss(page));
    await page.close();
  });
}

/** Films both drawings while a message is lost. Ours heals, and the naive version does not. */
async function filmLoss(page: Page): Promise<Uint8Array> {
  const film = new Film();
  const drawings = page.locator(".drawings");
  film.add(await drawings.screenshot(), 800);
  await page.getByTestId("lab-lose").click();
  let isHealed = false;
  let left = 12;
  for (let takenMs = performance.now(); left > 0; ) {
    const picture = await drawings.screenshot();
    const now = performance.now();
    film.add(picture, Math.max(FRAME_MS, now - takenMs));
    takenMs = now;
    isHealed ||= (await page.locator("[data-action=lose] [data-testid=lab-verdict]").first().innerText()).startsWith(
      "healed",
    );
    if (isHealed) left--;
  }
  film.add(await drawings.screenshot(), 2_500);
  return film.bytes();
}

/** Each size and scheme, before a fault, within one, and after it, with a step of the tutorial. */
async function lookAtLab(browser: Browser, folder: string): Promise<void> {
  await withLab((url) => lookAtStates(browser, url, folder));
}

async function lookAtStates(browser: Browser, url: string, folder: string): Promise<void> {
  for (const [size, width, height] of [
    ["desktop", 1_440, 1_000],
    ["phone", 360, 740],
  ] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      await open(page, url);
      const take = (name: string) =>
        page.screenshot({ path: join(folder, `${size}-${colorScheme}-${name}.png`), fullPage: true });
      await take("1-start");
      await page.getByTestId("lab-naive").selectOption("version-number");
      await page.getByTestId("naive-drawing").getByText("version").first().waitFor({ timeout: HEAL_MS_MAX });
      await page.getByTestId("lab-kill").click();
      await page.getByTestId("ours-drawing").getByText("killed").waitFor();
      await take("2-killed");
      await closed(page, "kill");
      await page.getByTestId("lab-start").click();
      await page.getByTestId("lab-kill").waitFor({ timeout: HEAL_MS_MAX });
      await page.locator("[data-testid=lab-promote]:enabled").waitFor({ timeout: HEAL_MS_MAX });
      await page.getByTestId("lab-promote").click();
      await closed(page, "promote");
      await page.getByTestId("lab-step-2").click();
      await take("3-promoted");
      await page.getByRole("radio", { name: "only a few" }).check();
      await page.getByTestId("lab-play").click();
      await closed(page, "storm");
      await take("4-step");
      await page.getByTestId("lab-naive").selectOption("none");
      await page.getByTestId("naive-drawing").waitFor({ state: "detached" });
      await page.close();
    }
  }
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByTestId("lab-behind").filter({ hasText: "all agree" }).waitFor({ timeout: HEAL_MS_MAX });
}

async function closed(page: Page, action: string): Promise<void> {
  await page
    .locator(`[data-testid=lab-trial][data-action=${action}][data-open=false]`)
    .first()
    .waitFor({ timeout: 2 * HEAL_MS_MAX });
}

/** Runs the demo, as it is built, for as long as `use` takes. */
async function withLab(use: (url: string) => Promise<void>): Promise<void> {
  const demo = spawn(process.execPath, [MAIN, "demo", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let output = "";
    for await (const chunk of demo.stdout) {
      output += chunk;
      if (output.includes("Ctrl+C")) break;
    }
    await use(/Open (http:\S+)/.exec(output)?.[1] ?? "");
  } finally {
    const ended = once(demo, "exit");
    demo.kill("SIGINT");
    await ended;
  }
}
