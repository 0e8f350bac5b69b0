/*
 * `tsx scripts/icons.ts`: draws the icons of the app from src/web/public/favicon.svg. Run it after
 * a change to the sign. A maskable icon fills its square, because a system cuts it to its own
 * shape, and so does Apple's.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const folder = fileURLToPath(new URL("../src/web/public/", import.meta.url));
const sign = readFileSync(`${folder}favicon.svg`, "utf8");
const [, accent] = /fill="(#\w+)"/.exec(sign) ?? [];
const ICONS = [
  { name: "icon-180.png", side: 180, ground: accent },
  { name: "icon-192.png", side: 192, ground: "transparent" },
  { name: "icon-512.png", side: 512, ground: "transparent" },
  { name: "icon-maskable-512.png", side: 512, ground: accent },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const page = await browser.newPage();
for (const { name, side, ground } of ICONS) {
  const scale = ground === accent ? 0.8 : 1;
  await page.setViewportSize({ width: side, height: side });
  await page.setContent(
    `<style>body{margin:0;display:grid;place-content:center;height:100vh;background:${ground}}</style>` +
      sign.replace("<svg", `<svg width="${side * scale}"`),
  );
  await page.screenshot({ path: folder + name, omitBackground: true });
}
await browser.close();
