/* What a browser shows of the app before its script arrives, on a first visit, in its tab, and inside another page. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { launchChromium } from "../support/browser.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, pageFolder, startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

describe("a first visit", () => {
  let browser: Browser;
  let instance: LocalInstance;
  before(async () => {
    browser = await launchChromium();
    instance = await startInstance({ DATA_DIR: temporaryFolder({ after }), FRAME_ORIGINS: "http://127.0.0.2:1" });
  });
  after(async () => {
    await browser.close();
    await instance.stop();
  });

  async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<{ page: Page; errors: string[] }> {
    const page = await (await browser.newContext(options)).newPage();
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    return { page, errors };
  }

  test("shows the header and an empty board before any script or style has arrived", async () => {
    const { page, errors } = await open({ viewport: { width: 320, height: 480 } });
    await page.route("**/assets/**", (route) => route.abort());
    await page.goto(`${instance.url}/`);
    await page.getByText("Loading the board …").waitFor();
    const header = await page.locator(".frame header").boundingBox();
    const board = await page.locator(".frame main").boundingBox();
    assert.ok(header && board && header.height === 44 && board.y === 44 && board.height === 480 - 44);
    const others = errors.filter((text) => !text.includes("ERR_FAILED"));
    assert.deepEqual(others, [], "the policy allows the style");
    await page.context().close();
  });

  test("without JavaScript says so, and says nothing else", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.goto(`${instance.url}/`);
    assert.ok(await page.locator("noscript p").isVisible());
    assert.ok(!(await page.locator(".frame-wait").isVisible()));
    await page.context().close();
  });

  test("gets one sentence, until it is closed, and an invitation to the empty board", async () => {
    const { page, errors } = await open();
    await page.goto(`${instance.url}/`);
    await page.getByTestId("welcome").waitFor();
    assert.equal(await page.locator(".frame").count(), 0);
    await page.reload();
    await page.getByTestId("welcome").getByRole("button").click();
    await page.getByTestId("welcome").waitFor({ state: "detached" });
    await page.getByText("No box is checked yet.").first().waitFor();
    await page.reload();
    await until("the title counts", async () => (await page.title()) === "main · 0 checked · SocketScaler");
    assert.equal(await page.getByTestId("welcome").count(), 0);
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  test("whose visitor checks a box moves no board, gets no sentence the next time, and the tab counts the box", async () => {
    const { page } = await open();
    await page.goto(`${instance.url}/`);
    await page.getByTestId("welcome").waitFor();
    await page.getByRole("checkbox").first().click();
    await until("the title counts", async () => (await page.title()) === "main · 1 checked · SocketScaler");
    await page.getByTestId("welcome").waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("checkbox", { checked: true }).waitFor();
    assert.equal(await page.getByTestId("welcome").count(), 0);
    await page.context().close();
  });

  test("inside a page of another site works if FRAME_ORIGINS names it, and shows nothing otherwise", async (t) => {
    const outer = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<iframe src="${framedUrl}/?compact" width="400" height="400"></iframe>`);
    });
    let framedUrl = "";
    await once(outer.listen(0, "127.0.0.2"), "listening");
    t.after(() => outer.close());
    const origin = `http://127.0.0.2:${(outer.address() as AddressInfo).port}`;
    const allowing = await startInstance({ DATA_DIR: temporaryFolder(t), FRAME_ORIGINS: origin });
    t.after(() => allowing.stop());
    framedUrl = allowing.url;
    const { page } = await open();
    await page.goto(origin);
    await page.frameLocator("iframe").getByRole("checkbox").first().waitFor();

    framedUrl = instance.url;
    const { page: refused, errors } = await open();
    await refused.goto(origin);
    await until("the browser refuses", () => errors.some((text) => text.includes("frame-ancestors")));
    assert.equal(await refused.frameLocator("iframe").getByRole("checkbox").count(), 0);
    for (const each of [page, refused]) await each.context().close();
  });

  test("can be kept as an app: the manifest names icons of their sizes", async () => {
    const answer = await fetch(`${instance.url}/manifest.webmanifest`);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/manifest\+json/);
    const { icons } = JSON.parse(await answer.text()) as { icons: { src: string; sizes: string; type: string }[] };
    assert.ok(icons.length > 2);
    for (const { src, sizes, type } of icons) {
      const icon = await fetch(`${instance.url}/${src}`);
      assert.equal(icon.headers.get("content-type"), type, src);
      if (type !== "image/png") continue;
      const { width, height } = PNG.sync.read(readFileSync(join(pageFolder, src)));
      assert.equal(`${width}x${height}`, sizes, src);
    }
  });
});
