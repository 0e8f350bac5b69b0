/* The cluster's page in real Chromium. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { launchChromium } from "../support/browser.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

test("/cluster shows each instance, its health and live rates, from PORT and from METRICS_PORT, and an instance that does not answer", async (t) => {
  const browser = await launchChromium();
  t.after(() => browser.close());
  const one = await startInstance({ DATA_DIR: temporaryFolder(t), INSTANCE_NAME: "one" });
  t.after(() => one.stop());
  const two = await startInstance({ INSTANCE_NAME: "two", METRICS_PORT: "0" }, one.store);
  t.after(() => two.stop());
  const client = await watchBoard(one.url);
  t.after(() => client.close());
  for (const url of [one.url, two.metricsUrl]) {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${url}/cluster`);
    const rows = page.getByTestId("cluster-instance");
    await until("both instances are shown, and healthy", async () => {
      const texts = await rows.allTextContents();
      return texts.length === 2 && texts.every((text) => /^(one|two)( \(this one\))?healthy/.test(text));
    });
    let value = true;
    await until("the writes are shown", async () => {
      await client.board.set(3, value);
      value = !value;
      const text = await page.getByTestId("whole-writesPerSecond").textContent();
      const points = await page.locator(".tiles polyline").first().getAttribute("points");
      return Number.parseFloat(text ?? "0") > 0 && (points ?? "").split(" ").length >= 2;
    });
    // On a busy machine an instance may be busy for a moment, and the page says so.
    await until("the cluster is healthy", async () =>
      /2 instances, all healthy/.test((await page.getByTestId("cluster-status").textContent()) ?? ""),
    );
    for (const width of [1_280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `at ${width} px the page itself does not scroll sideways`);
    }
    assert.deepEqual(errors, []);
    if (url === two.metricsUrl) {
      await two.stop();
      await until("it is said", async () =>
        /not responding/.test((await page.getByTestId("cluster-status").textContent()) ?? ""),
      );
    }
    await page.close();
  }
});
