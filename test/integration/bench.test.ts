/* The load generator against real instances: what it reports, and that it fails when a client is wrong. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BenchResult } from "../../src/bench/result.js";
import type { PageRef } from "../../src/board/geometry.js";
import { readConfig } from "../../src/server/config.js";
import { openStore } from "../../src/server/open-store.js";
import { createLog } from "../../src/server/telemetry/log.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import type { SubscriptionListener } from "../../src/store/store.js";
import { launchChromium } from "../support/browser.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { freePort, startServer } from "../support/valkey-server.js";

/** Of a frame of one change, the dearest there is, with all headers above TCP; the writer's own copy is counted in. */
const CHANGE_BYTES_MAX = 80;
/** As built: its threads are too. */
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

async function bench(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, "bench", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

function isServing(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

/** Two instances over one Valkey. */
async function twoInstances(t: TestContext, flags: Record<string, string> = {}): Promise<string[]> {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const instances = await Promise.all(
    [1, 2].map(() => startInstance({ VALKEY_URL: valkey.url, BOARDS: "main=100000", ...flags })),
  );
  t.after(() => Promise.all(instances.map((instance) => instance.stop())));
  return instances.map(({ url }) => url);
}

/** The news that reaches the instance says the opposite of what was committed, once. */
class LyingStore extends FaultyStore {
  #hasLied = false;

  override subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return super.subscribe(page, {
      delta: (delta) => {
        if (this.#hasLied) return listener.delta(delta);
        this.#hasLied = true;
        listener.delta({ ...delta, changes: delta.changes.map((change) => change ^ 1) });
      },
      resumed: () => listener.resumed(),
    });
  }
}

// A run mostly waits, so several go on at once.
describe("socketscaler bench", { concurrency: 3 }, () => {
  test("loads two instances from two threads, and reports as table, JSON and a page with charts", async (t) => {
    const urls = await twoInstances(t);
    const folder = temporaryFolder(t);
    const json = join(folder, "result.json");
    const html = join(folder, "result.html");
    const load = [
      "--clients",
      "8",
      "--rate",
      "60",
      "--ramp",
      "0.5",
      "--duration",
      "3",
      "--workers",
      "2",
      "--pages",
      "2",
    ];
    const { code, stdout, stderr } = await bench(...urls, ...load, "--json", json, "--html", html);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /all 8 clients match the store on 2 pages/);
    assert.match(stderr, /connected 8\/8/);

    const result: BenchResult = JSON.parse(readFileSync(json, "utf8"));
    assert.equal(result.format, 1);
    assert.equal(result.connected, 8);
    assert.equal(result.instances.length, 2);
    assert.ok(result.counts.written > 100, "most of 180 writes were made");
    assert.equal(result.counts.acknowledged, result.counts.written);
    // Every client but the writer sees each probe.
    assert.equal(result.shown.count % 7, 0);
    assert.ok(result.shown.count > 0 && (result.shown.p50 ?? 0) <= (result.shown.p99 ?? 0));
    const bytesPerChange = result.counts.bytes / result.counts.seen;
    assert.ok(bytesPerChange > 1 && bytesPerChange < CHANGE_BYTES_MAX, `${bytesPerChange} bytes a change`);
    assert.deepEqual(result.codes, {});
    assert.deepEqual(result.verdict.mismatches, []);
    assert.equal(result.verdict.ok, true);
    assert.equal(result.verdict.level, 8);
    const loads = result.seconds.filter(({ phase }) => phase === "load");
    assert.ok(loads.length >= 2 && loads.every(({ at }) => at > 0));

    const browser = await launchChromium();
    t.after(() => browser.close());
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("request", (request) => {
      const address = request.url();
      if (!address.startsWith("file:") && !address.startsWith("data:")) errors.push(`asks for ${address}`);
    });
    await page.goto(pathToFileURL(html).href);
    assert.equal(await page.locator("svg").count(), 4);
    assert.ok((await page.locator("svg circle").count()) > 8);
    assert.match(await page.locator(".notice[data-tone=good]").innerText(), /All 8 clients match the store/);
    assert.deepEqual(errors, []);
  });

  // Also as the first URL: what an instance holds is not what clients are compared with.
  for (const liar of [0, 1])
    test(`fails with code 1 where the clients of instance ${liar} show what the store has not`, async (t) => {
      const valkey = await startServer();
      t.after(() => valkey.stop());
      const flags = { VALKEY_URL: valkey.url };
      const config = readConfig(flags, {});
      const store = new LyingStore(await openStore(config, createLog("silent")));
      const honest = await startInstance(flags);
      const instances =
        liar === 0 ? [await startInstance(flags, store), honest] : [honest, await startInstance(flags, store)];
      t.after(async () => {
        await Promise.all(instances.map((instance) => instance.stop()));
        await store.close();
      });
      const urls = instances.map(({ url }) => url);
      const json = join(temporaryFolder(t), "result.json");
      // One write, which nothing corrects later.
      const { code, stdout } = await bench(
        ...urls,
        "--clients",
        "4",
        "--rate",
        "1",
        "--duration",
        "1.5",
        "--json",
        json,
      );
      assert.equal(code, 1, stdout);
      assert.match(stdout, /FAILED: 2 of 4 clients match the store/);
      const { verdict }: BenchResult = JSON.parse(readFileSync(json, "utf8"));
      assert.equal(verdict.ok, false);
      assert.deepEqual(
        verdict.mismatches.map(({ kind, url, cells }) => ({ kind, url, cells })),
        [1, 2].map(() => ({ kind: "diverged", url: urls[liar], cells: 1 })),
      );
    });

  test("says which option to raise where a server's limits refuse", async (t) => {
    const urls = await twoInstances(t, { WRITES_PER_SECOND: "5", WRITE_BURST: "5" });
    const { stdout, code } = await bench(...urls, "--clients", "1", "--rate", "20", "--duration", "1");
    assert.match(
      stdout,
      /Clients reported RATE_LIMITED [\d,]+ times. Raise the instances' WRITES_PER_SECOND and WRITE_BURST/,
    );
    assert.equal(code, 0, "what was delayed got through");
  });

  test("fails with code 1 where clients are not there to be compared, and names the limits", async (t) => {
    const [url = ""] = await twoInstances(t, { CONNECTIONS_PER_ADDRESS: "3" });
    const { stdout, code } = await bench(url, "--clients", "5", "--rate", "5", "--duration", "1", "--ramp", "0.2");
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /FAILED: 3 of 3 clients match the store; 2 clients were not connected at the end and could not be compared/,
    );
    assert.match(
      stdout,
      /Only 3 of 5 clients connected in time. Each instance accepts at most CONNECTIONS_PER_ADDRESS/,
    );
  });

  test("--find-max raises the rate until writes are refused", async (t) => {
    // So little is allowed that any generator can make more, however busy the machine is.
    const urls = await twoInstances(t, { WRITES_PER_SECOND: "40", WRITE_BURST: "40" });
    const load = ["--clients", "2", "--rate", "40", "--duration", "1", "--ramp", "0", "--p99", "60000"];
    const json = join(temporaryFolder(t), "result.json");
    const { stdout } = await bench(...urls, ...load, "--find-max", "--json", json);
    const { knee, trials }: BenchResult = JSON.parse(readFileSync(json, "utf8"));
    assert.match(stdout, /highest rate/);
    const passed = trials.filter(({ failure }) => failure === undefined).map(({ rate }) => rate);
    assert.ok(passed.length > 0, stdout);
    assert.ok(
      trials.some(({ failure }) => /refused with RATE_LIMITED/.test(failure ?? "")),
      stdout,
    );
    assert.equal(knee, Math.max(...passed), stdout);
  });

  test("viewers of a relay that it starts itself: measured at them alone, with the cost of relay and origin", async (t) => {
    const json = join(temporaryFolder(t), "result.json");
    const load = ["--clients", "2", "--rate", "40", "--ramp", "0.2", "--duration", "2", "--workers", "2"];
    const { code, stdout, stderr } = await bench("--viewers", "20", "--via", "relay", ...load, "--json", json);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /all 22 clients match the store on 1 page/);
    assert.match(stdout, /22 of 22, with 20 viewers by relay/);
    assert.match(stdout, /click to viewer +p50/);
    assert.match(stdout, /used by http:\S+ +\S+ % of a core, \S+ µs a second for each viewer/);
    const { instances, shown, counts, usages, verdict }: BenchResult = JSON.parse(readFileSync(json, "utf8"));
    assert.deepEqual(
      instances.map(({ engine }) => engine),
      ["embedded", "upstream"],
    );
    // Every viewer sees each change, the last of them perhaps after the load. What writers see is not counted.
    const most = counts.acknowledged * 20;
    assert.ok(counts.seen <= most && counts.seen > 0.9 * most, `${counts.seen} of ${most}`);
    assert.ok(shown.count >= 20, String(shown.count));
    assert.equal(verdict.level, 22);
    const [origin, relay] = usages;
    assert.ok(
      origin && "cpuSeconds" in origin && origin.cpuSeconds > 0 && origin.relayCalls > 0,
      JSON.stringify(origin),
    );
    assert.ok(relay && "cpuSeconds" in relay && relay.residentBytes > 1e6, JSON.stringify(relay));
    assert.deepEqual(await Promise.all([origin, relay].map(({ url }) => isServing(url))), [false, false]);
  });

  test("viewers by the feed hold no sockets, and equal the store", async (t) => {
    const json = join(temporaryFolder(t), "result.json");
    const load = ["--clients", "2", "--rate", "20", "--ramp", "0.2", "--duration", "3"];
    const { code, stdout, stderr } = await bench("--viewers", "20", "--via", "feed", ...load, "--json", json);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /all 22 clients match the store/);
    const { shown, counts, usages, verdict, loadMs }: BenchResult = JSON.parse(readFileSync(json, "utf8"));
    assert.equal(verdict.onSockets, 0, stdout);
    assert.ok(shown.count > 0 && (shown.p50 ?? 0) > 0, JSON.stringify(shown));
    const [instance] = usages;
    assert.ok(instance && "httpRequests" in instance && instance.httpRequests >= 20, JSON.stringify(usages));
    // Of an answer a second, with its head.
    const bytes = counts.bytes / 20 / (loadMs / 1_000);
    assert.ok(bytes > 200 && bytes < 4_000, `${bytes} bytes a second`);
  });

  test("says which limit is in the way of viewers by the feed, and that they took sockets", async (t) => {
    const [url = ""] = await twoInstances(t, { CONNECTIONS_PER_ADDRESS: "5" });
    const { stdout } = await bench(
      url,
      "--clients",
      "1",
      "--viewers",
      "8",
      "--via",
      "feed",
      "--rate",
      "1",
      "--duration",
      "1",
    );
    assert.match(
      stdout,
      /The instances refused [\d,]+ requests? from viewers, because there were too many. Raise HTTP_PER_MINUTE/,
    );
    assert.match(stdout, /[\d]+ viewers? of 8 switched to a socket/);
  });

  test("says which URL is no relay, and which limit of this process is in the way", async (t) => {
    const [url = ""] = await twoInstances(t);
    const direct = await bench(url, "--viewers", "2", "--via", "relay");
    assert.equal(direct.code, 1);
    assert.match(direct.stderr, /^socketscaler: http:\S+ is not a relay: give the URLs of relays, or give none/);
    const run = spawn("sh", [
      "-c",
      'ulimit -n 300; exec "$@"',
      "sh",
      process.execPath,
      MAIN,
      "bench",
      url,
      "--viewers",
      "250",
    ]);
    const [few, [code]] = await Promise.all([text(run.stderr), once(run, "exit")]);
    assert.equal(code, 1);
    assert.match(
      few,
      /^socketscaler: 300 clients need 400 open files, but this process may open only 300\. Raise the limit with ulimit -n 400/,
    );
  });

  test("an instance that is not there, and a board that it has not, are one clear line", async (t) => {
    const nobody = await bench(`http://127.0.0.1:${await freePort()}`);
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stderr,
      /^socketscaler: http:\S+ cannot be reached: check the URL, and that an instance listens there\n$/,
    );
    const [url = ""] = await twoInstances(t);
    const other = await bench(url, "--board", "other");
    assert.equal(other.code, 1);
    assert.match(other.stderr, /has no board "other": choose one with --board\n$/);
    const wrong = await bench(url, "--rate", "many");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^socketscaler: --rate is "many": expected a whole number from 0 to 1000000\n$/);
  });
});
