/*
 * The pictures of the README and docs/app.md, from real runs. They show clients on one port and on
 * four, a click that reaches four panes, large boards, and the lab. Chromium takes them.
 *
 *     npm run screenshots
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { connect } from "../src/client/index.js";
import { EmbeddedStore } from "../src/store/embedded/embedded-store.js";
import { HEART } from "../test/support/app-states.js";
import { launchChromium } from "../test/support/browser.js";
import { startInstance } from "../test/support/instances.js";
import { Film } from "./film.js";
import { pictureLab } from "./lab-screenshots.js";
import { pictureLargeBoards } from "./large-screenshots.js";

const images = fileURLToPath(new URL("../docs/images/", import.meta.url));
mkdirSync(images, { recursive: true });

const folder = mkdtempSync(join(tmpdir(), "socketscaler-pictures-"));
const store = await EmbeddedStore.open({ directory: folder });
const instances = await Promise.all(
  [1, 2, 3, 4].map((number) => startInstance({ INSTANCE_NAME: `instance ${number}`, WRITE_BURST: "500" }, store)),
);
const ports = instances.map(({ port }) => port);
const [first] = instances;
if (!first) throw new Error("no instance");

const painter = connect(first.url);
const board = painter.board("main");
await Promise.all(Array.from(HEART.join(""), (sign, cell) => (sign === "#" ? board.set(cell, true) : undefined)));
painter.close();

const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 }, deviceScaleFactor: 1 });

// So that no picture shows an animation halfway.
await page.emulateMedia({ reducedMotion: "reduce" });
await show(page, [ports[0], ports[0], ports[0], ports[0]]);
await page.screenshot({ path: join(images, "four-clients-one-port.png") });
await show(page, ports);
await page.screenshot({ path: join(images, "four-clients-four-ports.png") });

await page.setViewportSize({ width: 900, height: 920 });
await show(page, ports);
writeFileSync(join(images, "a-click-through-four-panes.gif"), await filmClicks(page));

await pictureLargeBoards(browser, store, images);
await pictureLab(browser, images);

await browser.close();
await Promise.all(instances.map((instance) => instance.stop()));
await store.close();
rmSync(folder, { recursive: true });

async function show(page: Page, panes: readonly (number | undefined)[]): Promise<void> {
  await page.goto(`${first?.url}/demo?ports=${panes.join(",")}`);
  for (const frame of page.frames().slice(1)) {
    await frame.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    await frame.getByText("Live").first().waitFor();
  }
}

/** Moves a drawn pointer to a cell of each pane in turn, clicks, and films all four panes. */
async function filmClicks(page: Page): Promise<Uint8Array> {
  await page.evaluate(() => {
    const pointer = document.createElement("div");
    pointer.id = "pointer";
    pointer.style.cssText =
      "position:fixed;z-index:9;width:16px;height:16px;margin:-8px;border-radius:50%;background:rgba(220,60,60,.75);pointer-events:none";
    document.body.append(pointer);
  });
  const film = new Film();
  const moveTo = (x: number, y: number) =>
    page.evaluate(
      ([left, top]) => {
        const pointer = document.getElementById("pointer");
        if (pointer) Object.assign(pointer.style, { left: `${left}px`, top: `${top}px` });
      },
      [x, y],
    );
  let at = { x: 400, y: 370 };
  await moveTo(at.x, at.y);
  for (const [pane, cell] of [
    [0, 14],
    [3, 15],
    [1, 4],
    [2, 5],
  ] as const) {
    const target = page.frames()[pane + 1]?.locator(`input[data-cell="${cell}"]`);
    const box = await target?.boundingBox();
    if (!box || !target) throw new Error(`cell ${cell} of pane ${pane} is not in sight`);
    const end = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    for (let step = 1; step <= 3; step++) {
      await moveTo(at.x + ((end.x - at.x) * step) / 3, at.y + ((end.y - at.y) * step) / 3);
      film.add(await page.screenshot(), 90);
    }
    await page.mouse.click(end.x, end.y);
    for (let frame = 0; frame < 3; frame++) film.add(await page.screenshot(), frame === 2 ? 600 : 150);
    at = end;
  }
  return film.bytes();
}
