/*
 * The pictures of the lab: an animation of each fault, beside a naive version. The README and
 * docs/lab.md have them, so `npm run screenshots` takes them too.
 *
 *     tsx scripts/lab-screenshots.ts --film FOLDER    the animations alone
 *     tsx scripts/lab-screenshots.ts --look FOLDER    states at two sizes, in light and dark
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import type { ActionName } from "../src/protocol/lab.js";
import { launchChromium } from "../test/support/browser.js";
import { Film } from "./film.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const FRAME_MS = 120;
const HEAL_MS_MAX = 30_000;
/** Frames of the fault before its cause is removed, and of the healed state. */
const BROKEN_FRAMES = 15;
const LAST_FRAMES = 26;
const SETTLED = /^(all agree|nothing was behind)/;

/** Each fault, with the button that removes its cause, if there is one. */
const FAULTS: readonly (readonly [fault: ActionName, cure?: string])[] = [
  ["storm"],
  ["lose"],
  ["cut"],
  ["join"],
  ["hang", "resume"],
  ["kill", "start"],
  ["hang-valkey", "resume-valkey"],
  ["kill-valkey", "start-valkey"],
  ["promote"],
];

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
    for (const [fault, cure] of FAULTS) {
      writeFileSync(join(images, `lab-${fault}.gif`), await filmFault(page, fault, cure));
    }
    await page.close();
  });
}

/** Films both drawings from the fault until ours has healed. */
async function filmFault(page: Page, fault: ActionName, cure?: string): Promise<Uint8Array> {
  const button = page.locator(`[data-testid=lab-${fault}][aria-disabled=false]`);
  await button.waitFor({ timeout: HEAL_MS_MAX });
  const film = new Film();
  const drawings = page.locator(".drawings");
  film.add(await drawings.screenshot(), 800);
  await button.click();
  const verdict = newest(page, fault).getByTestId("lab-verdict").first();
  const behind = page.getByTestId("lab-behind");
  let takenMs = performance.now();
  const shoot = async () => {
    const picture = await drawings.screenshot();
    const now = performance.now();
    film.add(picture, Math.max(FRAME_MS, now - takenMs));
    takenMs = now;
  };
  if (cure) {
    for (let left = BROKEN_FRAMES; left > 0; left--) await shoot();
    await page.getByTestId(`lab-${cure}`).click();
  }
  // A fault whose cause is removed has healed only then.
  const startMs = performance.now();
  for (let left = LAST_FRAMES; left > 0; left--) {
    await shoot();
    const isHealed = SETTLED.test(await verdict.innerText()) && (await behind.innerText()) === "all agree";
    if (!isHealed) left = LAST_FRAMES;
    if (performance.now() - startMs > HEAL_MS_MAX) throw new Error(`${fault} has not healed`);
  }
  film.add(await drawings.screenshot(), 2_500);
  await closed(page, fault);
  return film.bytes();
}

/** Each size and scheme, before a fault, within one, and after it, with a step of the tutorial. */
async function lookAtLab(browser: Browser, folder: string): Promise<void> {
  await withLab((url) => lookAtStates(browser, url, folder));
}

async function lookAtStates(browser: Browser, url: string, folder: string): Promise<void> {
  for (const [size, width, height] of [
    ["desktop", 1_440, 1_000],
    ["phone", 390, 844],
    ["small-phone", 320, 568],
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
      await page.locator("[data-testid=lab-promote][aria-disabled=false]").waitFor({ timeout: HEAL_MS_MAX });
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
  await newest(page, action)
    .and(page.locator("[data-open=false]"))
    .waitFor({ timeout: 2 * HEAL_MS_MAX });
}

/** The newest trial, if it is of this action. An earlier one of the same action is another. */
function newest(page: Page, action: string) {
  return page.getByTestId("lab-newest").locator(`[data-testid=lab-trial][data-action=${action}]`);
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
