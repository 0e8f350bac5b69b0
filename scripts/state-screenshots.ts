/*
 * Screenshots of every state of the app, to be looked at: at three sizes, in light and dark.
 *
 *     npm run screenshots:states -- FOLDER
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STATES, startStates } from "../test/support/app-states.js";
import { launchChromium } from "../test/support/browser.js";

const SIZES = [
  { width: 320, height: 480 },
  { width: 820, height: 1180 },
  { width: 1440, height: 900 },
];
/** The app draws its map again after this time, also in other colours. */
const REST_MS = 250;

const images = process.argv[2] ?? "state-screenshots";
mkdirSync(images, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "socketscaler-states-"));
const browser = await launchChromium();
const site = await startStates(browser, folder);
for (const state of STATES) {
  const page = await site.open(state);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await state.hold?.(page);
      await page.waitForTimeout(REST_MS);
      const name = [state.name.replace(/\W+/g, "-"), size.width, colorScheme].join("-");
      await page.screenshot({ path: join(images, `${name}.png`) });
    }
  }
  await page.context().close();
}
await browser.close();
await site.stop();
rmSync(folder, { recursive: true });
process.stdout.write(`${STATES.length} states in ${images}\n`);
