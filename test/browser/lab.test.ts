/* The lab in real Chromium: every button, on real processes and a real Valkey. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../support/browser.js";
import { MAIN } from "../support/program.js";
import { rawRequest } from "../support/raw-answer.js";
import { until } from "../support/until.js";
import "../support/valkey-server.js";

const HEAL_MS_MAX = 20_000;

describe("the lab", () => {
  let demo: ChildProcess;
  let browser: Browser;
  let page: Page;
  let url = "";
  let folder = "";
  const errors: string[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
    const starting = launchChromium();
    demo = spawn(process.execPath, [...MAIN, "demo", "--port", "0"], {
      env: { ...process.env, TMPDIR: folder, VALKEY_URL: undefined },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    demo.stdout?.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    browser = await starting;
    await until("the lab runs", () => output.includes("Ctrl+C"), 30_000);
    url = /Open (http:\S+)\/demo/.exec(output)?.[1]?.replace("localhost", "127.0.0.1") ?? "";
    page = await browser.newPage({ viewport: { width: 1_280, height: 900 }, reducedMotion: "reduce" });
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${url}/demo`);
    await page.getByTestId("lab-behind").filter({ hasText: "all agree" }).waitFor();
  });

  after(async () => {
    demo.kill("SIGKILL");
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const press = async (action: string) => page.getByTestId(`lab-${action}`).click();
  const verdict = (action: string, side: "socketscaler" | "naive") =>
    page
      .locator(`[data-testid=lab-trial][data-action=${action}]`)
      .first()
      .getByTestId(`lab-result-${side}`)
      .getByTestId("lab-verdict");
  const shows = (action: string, side: "socketscaler" | "naive", text: RegExp) =>
    verdict(action, side).filter({ hasText: text }).waitFor({ timeout: HEAL_MS_MAX });
  const HEALED = /^(all agree (after )?\d|nothing was behind)/;

  test("a step of the tutorial asks first, then breaks the naive version and not ours", async () => {
    await press("step-2");
    assert.equal(await page.getByTestId("lab-play").isDisabled(), true, "the question comes first");
    await page.getByRole("radio", { name: "only a few of them" }).check();
    await press("play");
    await page.getByTestId("lab-guess").filter({ hasText: "was right" }).waitFor();
    await shows("storm", "socketscaler", HEALED);
    await shows("storm", "naive", /still wrong|lost|not all agree/);
    const text = await page.getByTestId("lab-result-naive").first().textContent();
    assert.match(text ?? "", /[1-9]\d* of them lost/);
    const ours = await page.getByTestId("lab-result-socketscaler").first().textContent();
    assert.match(ours ?? "", /64 clicks, 64 acknowledged\./);
  });

  test("every fault heals on our side, and the page says how", async () => {
    await page.getByTestId("lab-naive").selectOption("version-number");
    await page.getByTestId("naive-drawing").getByText("version 0").first().waitFor({ timeout: HEAL_MS_MAX });
    await page.getByTestId("lab-naive").isEnabled();
    await press("click");
    await shows("click", "socketscaler", HEALED);

    await press("lose");
    await shows("lose", "socketscaler", HEALED);
    await shows("lose", "naive", /still wrong|not all agree/);
    const story = (await page.getByTestId("lab-result-socketscaler").first().textContent()) ?? "";
    assert.match(story, /The message \d+\.\S+ to instance 2 is lost/);
    assert.match(story, /Instance 2 asked the store .* It got 1 delta/);

    for (const action of ["cut", "join"]) {
      await press(action);
      await shows(action, "socketscaler", HEALED);
      await page.getByTestId("lab-busy").filter({ hasText: "SocketScaler:" }).waitFor();
    }

    await press("hang");
    await page.getByTestId("ours-drawing").getByText("hangs").waitFor();
    await press("resume");
    await shows("hang", "socketscaler", HEALED);

    await press("kill");
    await page.getByTestId("ours-drawing").getByText("killed").waitFor();
    await shows("kill", "socketscaler", HEALED);
    await press("start");
    await page.getByTestId("lab-kill").waitFor({ timeout: HEAL_MS_MAX });

    await press("hang-valkey");
    await page.getByTestId("lab-behind").filter({ hasText: "Valkey" }).waitFor();
    await press("resume-valkey");
    await shows("hang-valkey", "socketscaler", HEALED);

    await press("kill-valkey");
    await page.getByTestId("lab-primary").getByText("killed").first().waitFor();
    await press("start-valkey");
    await shows("kill-valkey", "socketscaler", HEALED);
  });

  test("a replica that lacks the last writes takes over: ours shows the history that survived", async () => {
    await page.locator("[data-testid=lab-promote]:enabled").waitFor({ timeout: HEAL_MS_MAX });
    await press("promote");
    await page.getByTestId("lab-behind").filter({ hasText: "all agree" }).waitFor({ timeout: HEAL_MS_MAX });
    await shows("promote", "socketscaler", /^all agree, but 5 lost/);
    const story = (await page.getByTestId("lab-result-socketscaler").first().textContent()) ?? "";
    assert.match(story, /It got a snapshot/);
    await shows("promote", "naive", /still wrong|not all agree|lost/);
    await page.getByTestId("lab-naive").selectOption("none");
    await page.getByTestId("naive-drawing").waitFor({ state: "detached" });
  });

  test("an exercise is checked by running it", async () => {
    await page.getByTestId("lab-exercise-check").click();
    await page.getByTestId("lab-exercise-output").filter({ hasText: "step-2.ts" }).waitFor({ timeout: 60_000 });
  });

  test("nobody else can press a button, and only this machine can see the lab", async () => {
    const html = await (await fetch(`${url}/demo`)).text();
    const [, secret = ""] = /name="lab-secret" content="([\w-]{32})"/.exec(html) ?? [];
    assert.notEqual(secret, "");
    const order = (headers: Record<string, string>) =>
      fetch(`${url}/demo/orders`, { method: "POST", headers, body: '{"action":"click"}' });
    assert.equal((await order({})).status, 403);
    assert.equal((await order({ "x-lab-secret": "x".repeat(32) })).status, 403);
    assert.equal((await order({ "x-lab-secret": secret, origin: "http://evil.test" })).status, 403);
    assert.equal((await order({ "x-lab-secret": secret, origin: url })).status, 202);
    for (const path of ["/demo", "/demo/events"]) {
      assert.equal((await rawRequest(`${url}${path}`, { host: "evil.test" })).status, 403, "DNS rebinding");
      assert.equal((await rawRequest(`${url}${path}`, { "sec-fetch-site": "cross-site" })).status, 403);
    }
    const bad = { method: "POST", headers: { "x-lab-secret": secret } };
    for (const body of ["", "{", "null", "[]", '{"action":"rm"}', '{"action":"kill","target":5}', "x".repeat(5_000)])
      assert.equal((await fetch(`${url}/demo/orders`, { ...bad, body })).status, 400, body.slice(0, 40));
    for (const path of ["../../etc/passwd", "src/../package.json", "package.json", "/etc/passwd"])
      assert.equal((await fetch(`${url}/demo/source?path=${encodeURIComponent(path)}`)).status, 404, path);
    assert.equal((await fetch(`${url}/demo/source?path=src/board/replica.ts`)).status, 200);
    const instance = (await page.getByRole("link", { name: "instance 1" }).getAttribute("href")) ?? "";
    for (const path of ["/demo/orders", "/demo/events", "/demo/exercise"]) {
      const { status } = await fetch(`${instance}${path}`, { ...bad, body: '{"action":"click"}' });
      assert.equal(status, 404, "an instance has no such controls");
    }
  });

  test("has no errors, fits a phone, and takes its processes and files with it", async () => {
    assert.deepEqual(errors, []);
    await page.setViewportSize({ width: 360, height: 740 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page scrolls sideways by ${overflow} px`);
    const labs = () => readdirSync(folder).filter((name) => name.startsWith("socketscaler-lab-"));
    const [mine = "none"] = labs();
    assert.ok(existsSync(join(folder, mine)), "the lab has a folder");
    const port = new URL((await page.getByRole("link", { name: "instance 1" }).getAttribute("href")) ?? "").port;
    const ended = once(demo, "exit");
    demo.kill("SIGINT");
    assert.deepEqual(await ended, [0, null]);
    assert.ok(!existsSync(join(folder, mine)), "the folder is removed");
    await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
  });
});
