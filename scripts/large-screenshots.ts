/*
 * The README's pictures of large boards: a million at four zooms, a phone in dark mode, and the
 * overview of a billion.
 */

import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { connect } from "../src/client/index.js";
import type { Store } from "../src/store/store.js";
import { startInstance } from "../test/support/instances.js";
import { until } from "../test/support/until.js";
import { paintScene, paintSpiral } from "./paint-board.js";

const VIEWPORT = { width: 1100, height: 720 };
const CELL = 5 * 65_536 + 70 * 256 + 20;
const ZOOMS = [
  { name: "million-whole", hash: "#all" },
  { name: "million-pixels", hash: `#cell=${CELL}&zoom=2` },
  { name: "million-squares", hash: `#cell=${CELL}&zoom=9` },
  { name: "million-numbered", hash: `#cell=${CELL}&zoom=56` },
];

export async function pictureLargeBoards(browser: Browser, store: Store, images: string): Promise<void> {
  const instance = await startInstance(
    {
      INSTANCE_NAME: "instance 1",
      BOARDS: "million=1000000,billion=1000000000",
      WRITES_PER_SECOND: "1000000",
      WRITE_BURST: "1000000",
    },
    store,
  );
  const painter = connect(instance.url);
  const [million, billion] = [painter.board("million"), painter.board("billion")];
  await Promise.all([million.ready, billion.ready]);
  const sheet = await browser.newPage();
  await paintScene(sheet, million);
  await sheet.close();
  await paintSpiral(billion);

  const options: BrowserContextOptions = { viewport: VIEWPORT, reducedMotion: "reduce" };
  for (const { name, hash } of ZOOMS)
    await take(browser, options, `${instance.url}/?board=million${hash}`, name, images);
  const phone = { viewport: { width: 360, height: 640 }, colorScheme: "dark", reducedMotion: "reduce" } as const;
  await take(browser, phone, `${instance.url}/?board=million#all`, "million-phone-dark", images);
  // A few changes, so that there is activity to see.
  const busy = Array.from({ length: 40 }, () => billion.set(Math.floor(Math.random() * billion.size), true));
  await Promise.all(busy);
  await take(browser, options, `${instance.url}/?board=billion#all`, "billion-overview", images, async (page) => {
    const again = Array.from({ length: 40 }, () => billion.set(Math.floor(Math.random() * billion.size), true));
    await Promise.all(again);
    await until("places are listed", async () => (await page.getByTestId("places").locator("button").count()) > 0);
  });
  painter.close();
  await instance.stop();
}

async function take(
  browser: Browser,
  options: BrowserContextOptions,
  url: string,
  name: string,
  images: string,
  before: (page: Page) => Promise<void> = async () => undefined,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
  await page.getByText("Live").first().waitFor();
  await until(
    "how many are checked is known",
    async () => /\d/.test((await page.getByTestId("status-checked").textContent()) ?? ""),
    3_000,
  ).catch(() => undefined);
  await before(page);
  await page.screenshot({ path: join(images, `${name}.png`) });
  await context.close();
}
