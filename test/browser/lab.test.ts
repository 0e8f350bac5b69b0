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

  const press = async (action: string) => {
    await page.locator(`[data-testid=lab-${action}]:not([aria-disabled=true])`).click({ timeout: HEAL_MS_MAX });
  };
  const chooseNaive = async (kind: string) => {
    await page.locator("[data-testid=lab-naive][aria-disabled=false]").waitFor({ timeout: HEAL_MS_MAX });
    await page.getByTestId("lab-naive").selectOption(kind);
  };
  const boxOf = async (selector: string) => {
    const box = await page.locator(selector).first().boundingBox();
    assert.ok(box, selector);
    return { top: box.y, bottom: box.y + box.height };
  };
  /** Of the drawings made of text: how far their lines are too long. */
  const overflowOfPictures = () =>
    page.locator("pre.picture").evaluateAll((all) => all.map((each) => each.scrollWidth - each.clientWidth));
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
    const play = page.getByTestId("lab-play");
    assert.equal(await play.getAttribute("aria-disabled"), "true", "the question comes first");
    await page.getByText("Choose an answer first.").waitFor();
    await page.getByRole("radio", { name: "only a few of them" }).check();
    await play.focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("lab-guess").filter({ hasText: "Watch both sides" }).waitFor();
    assert.equal(await page.getByTestId("lab-next").count(), 0, "nothing has happened yet");
    await page.locator("[data-testid=lab-play][aria-disabled=true]").waitFor();
    await page.locator("[data-testid=lab-play][aria-disabled=false]").waitFor({ timeout: HEAL_MS_MAX });
    assert.equal(await play.evaluate((element) => element === document.activeElement), true, "the focus stays");
    await page.getByTestId("lab-guess").filter({ hasText: "was right" }).waitFor({ timeout: HEAL_MS_MAX });
    assert.equal(await page.getByTestId("lab-trial").first().getAttribute("data-open"), "false");
    await shows("storm", "socketscaler", HEALED);
    await shows("storm", "naive", /still wrong|lost|not all agree/);
    const text = await page.getByTestId("lab-result-naive").first().textContent();
    assert.match(text ?? "", /[1-9]\d* of them lost/);
    const ours = await page.getByTestId("lab-result-socketscaler").first().textContent();
    assert.match(ours ?? "", /64 clicks, 64 acknowledged\./);
    assert.equal(await page.getByTestId("lab-busy").getAttribute("data-tone"), "bad", "one side is wrong");
  });

  test("the tutorial remembers each step, and an explanation stays", async () => {
    await press("step-2");
    await page.getByTestId("lab-step").waitFor();
    await press("next");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "3. The join race");
    assert.equal(await page.getByRole("radio", { checked: true, name: "when" }).count(), 0);
    await page.getByRole("button", { name: "2 The lost update (played)" }).click();
    assert.equal(await page.getByRole("radio", { name: "only a few of them" }).isChecked(), true);
    await press("play");
    await page.locator("[data-testid=lab-play][aria-disabled=true]").waitFor();
    assert.equal(await page.getByTestId("lab-next").isVisible(), true);
    await page.getByTestId("lab-guess").filter({ hasText: "was right" }).waitFor();
  });

  test("the drawing and the newest result are seen together, and on a phone the tutorial is next", async () => {
    await page.getByTestId("lab-earlier").waitFor({ timeout: HEAL_MS_MAX });
    await page.setViewportSize({ width: 1_440, height: 1_000 });
    await page.evaluate(() => scrollTo(0, 0));
    assert.ok((await boxOf("[data-testid=lab-newest]")).bottom <= 1_000);
    assert.deepEqual(await overflowOfPictures(), [0]);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await overflowOfPictures(), [0]);
    const parts = [".drawings", "[data-testid=lab-newest]", ".tutorial", ".controls", ".positions"];
    const boxes = await Promise.all(parts.map(boxOf));
    for (const [index, { top }] of boxes.entries()) assert.ok(top >= (boxes[index - 1]?.bottom ?? 0), parts[index]);
    const command = await boxOf(".exercise code:has-text('-- --start')");
    assert.ok(command.bottom - command.top < 30, "a command stays on one line");
    await page.getByTestId("lab-legend").filter({ hasText: "version.tag" }).waitFor();
    await page.getByRole("link", { name: "Skip to the tutorial" }).focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "tutorial");
    await page.locator(".positions").scrollIntoViewIfNeeded();
    await press("click");
    const { top } = await boxOf(".drawings");
    assert.ok(top >= 0 && top < 100, `after a button the drawing is at ${top}`);
    await page.setViewportSize({ width: 1_280, height: 900 });
  });

  test("a naive version shows no positions of ours, and one without Valkey is not connected to it", async () => {
    const naive = page.getByTestId("naive-drawing");
    await page.getByTestId("ours-drawing").locator("[data-testid=lab-primary] .position").waitFor();
    assert.equal(await naive.locator("[data-testid=lab-primary] .position").count(), 0);
    const toValkey = naive.locator(":scope > line.link");
    assert.equal(await toValkey.count(), 8);
    await chooseNaive("island");
    await naive.locator(".unused [data-testid=lab-primary]").waitFor({ timeout: HEAL_MS_MAX });
    assert.equal(await toValkey.count(), 4, "only from the browsers to their instances");
  });

  test("every fault heals on our side, and the page says how", async () => {
    await chooseNaive("version-number");
    await page.getByTestId("naive-drawing").getByText("version 0").first().waitFor({ timeout: HEAL_MS_MAX });
    await press("click");
    await shows("click", "socketscaler", HEALED);

    await press("lose");
    await shows("lose", "socketscaler", HEALED);
    await shows("lose", "naive", /still wrong|not all agree/);
    const story = (await page.getByTestId("lab-result-socketscaler").first().textContent()) ?? "";
    assert.match(story, /The message \d+\.\S+ to instance 2 is lost/);
    assert.equal(story.split(await page.getByTestId("lab-trial").locator("h2").first().innerText()).length, 1);
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
    await page.locator("#why-Instance").filter({ hasText: "Valkey is not running" }).waitFor();
    await press("resume-valkey");
    await shows("hang-valkey", "socketscaler", HEALED);

    await press("kill-valkey");
    await page.getByTestId("lab-primary").getByText("killed").first().waitFor();
    await press("start-valkey");
    await shows("kill-valkey", "socketscaler", HEALED);
  });

  test("a replica that lacks the last writes takes over: ours shows the history that survived", async () => {
    await press("promote");
    await page.getByTestId("lab-behind").filter({ hasText: "all agree" }).waitFor({ timeout: HEAL_MS_MAX });
    await shows("promote", "socketscaler", /^all agree, but 5 lost/);
    const story = (await page.getByTestId("lab-result-socketscaler").first().textContent()) ?? "";
    assert.match(story, /It got a snapshot/);
    await shows("promote", "naive", /still wrong|not all agree|lost/);
    await chooseNaive("none");
    await page.getByTestId("naive-drawing").waitFor({ state: "detached" });
  });

  test("an exercise is checked by running it", async () => {
    await page.getByText("Create exercises/step-2.ts first.").waitFor();
    await page.getByTestId("lab-exercise-check").click();
    await page.getByTestId("lab-exercise-output").filter({ hasText: "step-2.ts" }).waitFor({ timeout: 60_000 });
    assert.ok((await overflowOfPictures()).every((pixels) => pixels === 0));
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
