/*
 * The judge as a process, against real boards: one that is right passes, each fault fails its check and no other, and
 * what is no board ends with one sentence.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { start } from "../../bench/load/processes.js";
import { start as startBitmap } from "../../examples/tutorial/naive/bitmap.js";
import { start as startIsland } from "../../examples/tutorial/naive/island.js";
import { start as startJsonArray } from "../../examples/tutorial/naive/json-array.js";
import type { JudgeResult } from "../../src/judge/report/result.js";
import { runCommand, startCommand } from "../support/command.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import {
  answeringServer,
  floodingBoard,
  type Judged,
  localFirstBoards,
  restBoard,
  silentServer,
  teachingBoard,
  webSocketBoard,
} from "../support/judged-boards.js";
import { program } from "../support/program.js";
import { RELAY_SECRET } from "../support/relay.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const CELLS = 100;
const RUN_MS_MAX = 30_000;
const adapterFile = (name: string) => fileURLToPath(new URL(`../../examples/judge/${name}.mjs`, import.meta.url));

/** Starts boards that end with the test. */
async function open<Board extends { close(): Promise<void> }>(
  t: TestContext,
  starting: Promise<Board>,
): Promise<Board> {
  const board = await starting;
  t.after(() => board.close());
  return board;
}

async function judge(t: TestContext, boards: readonly { readonly url: string }[], ...args: string[]) {
  const json = join(temporaryFolder(t), "result.json");
  const startMs = performance.now();
  const ended = await runCommand(["judge", ...boards.map(({ url }) => url), "--json", json, ...args]);
  assert.ok(performance.now() - startMs < RUN_MS_MAX + 5_000, "the run takes too long");
  const result: JudgeResult | undefined = existsSync(json) ? JSON.parse(readFileSync(json, "utf8")) : undefined;
  const named = (verdict: string) =>
    (result?.findings ?? []).filter((finding) => finding.verdict === verdict).map(({ check }) => check);
  return { ...ended, result, failed: named("failed"), passed: named("passed"), open: named("not observed") };
}

/** The whole score card is shown if a verdict is not as expected. */
function assertFailed(seen: Awaited<ReturnType<typeof judge>>, expected: readonly string[]): void {
  assert.deepEqual(seen.failed, expected, seen.stdout + seen.stderr);
  assert.equal(seen.code, expected.length > 0 ? 1 : 0);
}

async function stateOf(url: string): Promise<boolean[]> {
  const { state }: { state: boolean[] } = await (await fetch(`${url}/state`)).json();
  return state;
}

// A run mostly waits.
describe("socketscaler judge", { concurrency: 4 }, () => {
  test("passes this project on two instances and a relay, hostile messages included, and leaves the board as it was", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { VALKEY_URL: valkey.url, RELAY_SECRET };
    const instances = await Promise.all([1, 2].map(() => startInstance(flags)));
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const relay = await startInstance({ UPSTREAM_URL: instances[0]?.url ?? "", RELAY_SECRET });
    t.after(() => relay.stop());
    const seen = await judge(t, [...instances, relay], "--hostile");
    assertFailed(seen, []);
    assert.deepEqual(seen.open, ["join"], seen.stdout);
    assert.equal(seen.result?.restored.left, 0);
    assert.deepEqual(await stateOf(instances[1]?.url ?? ""), new Array(CELLS).fill(false));
  });

  test("finds two boards where two naive instances should be one, and judges the first further", async (t) => {
    const islands = [await open(t, startIsland("", CELLS)), await open(t, startIsland("", CELLS))];
    const seen = await judge(t, islands);
    assertFailed(seen, ["divergence"]);
    for (const { url } of islands) assert.ok(!(await stateOf(url)).includes(true), "both have their old values");
    assert.ok(seen.passed.includes("lost"));
    assert.match(seen.stdout, /✗ Divergence between instances\n +None of the 3 clicks at http/);
    assert.match(seen.stdout, /Tutorial step 1, "One instance, then two"/);
  });

  test("finds the lost updates of the naive JSON array, and nothing else", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const naive = () => open(t, startJsonArray(valkey.url, CELLS));
    const seen = await judge(t, [await naive(), await naive()]);
    assertFailed(seen, ["lost"]);
    assert.equal(seen.result?.restored.left, 0, "it is restored one click at a time");
  });

  test("finds the join race of the naive bitmap on a slow network, and nothing else", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const naive = await open(t, startBitmap(valkey.url, CELLS));
    naive.bitmap.answered = () => new Promise((done) => setTimeout(done, 25));
    assertFailed(await judge(t, [naive]), ["join"]);
  });

  const faults = [
    ["a board that flips", { flips: true }, "toggle"],
    ["a board behind a stale cache", { isStale: true }, "catchUp"],
    ["a board whose visitors share one limit", { sharesLimit: true }, "blind"],
  ] as const;
  for (const [name, fault, check] of faults) {
    test(`finds the fault of ${name}, and no other`, async (t) => {
      assertFailed(await judge(t, [await open(t, teachingBoard(fault))]), [check]);
    });
  }

  const weaknesses = [
    ["a board that one message disconnects", { disconnects: true }, "crash"],
    ["a board that grows past its last box", { grows: true }, "crash"],
    ["a board whose queue a message blocks", { wedges: true }, "stall"],
  ] as const;
  for (const [name, fault, check] of weaknesses) {
    test(`finds the weakness of ${name}, if it may be hostile`, async (t) => {
      const board = await open(t, teachingBoard(fault));
      assertFailed(await judge(t, [board], "--hostile"), [check]);
    });
  }

  test("finds a box that a message changed, restores it, and does not take it for somebody else's", async (t) => {
    const board = await open(t, teachingBoard({ takesNullForFirst: true }, 2 * CELLS));
    const seen = await judge(t, [board], "--hostile");
    assertFailed(seen, ["crash"]);
    assert.match(seen.stdout, /After 19 hostile messages, 1 box changed that nobody clicked/);
    assert.deepEqual([seen.result?.foreign, seen.result?.restored.left], [0, 0]);
    assert.ok(!(await stateOf(board.url)).includes(true));
  });

  test("finds that two instances which serve their own clients first show different orders", async (t) => {
    const boards = await localFirstBoards(5);
    t.after(() => Promise.all(boards.map((board) => board.close())));
    assertFailed(await judge(t, boards), ["order"]);
  });

  test("finds that one message ends a naive server, and says which", async (t) => {
    const naive = await start(process.execPath, [...program("test/support/judged-server.ts"), String(CELLS)]);
    t.after(() => naive.stop());
    const seen = await judge(t, [naive], "--hostile");
    assertFailed(seen, ["crash"]);
    assert.match(seen.stdout, /After null, other clients lost their connections. The server accepted no new client/);
    assert.match(seen.stdout, /could not check whether they have their old values/);
  });

  test("takes a slow board that answers no clicks for slow, not for broken", async (t) => {
    const seen = await judge(t, [await open(t, teachingBoard({ isMute: true, delayMs: 40 }))]);
    assertFailed(seen, []);
    assert.ok((seen.result?.seenMs ?? 0) > 35);
  });

  test("takes a board that handles clicks one after the other for slow, not for broken", async (t) => {
    assertFailed(await judge(t, [await open(t, teachingBoard({ eachMs: 70 }))]), []);
  });

  test("takes a board that is read from a very old copy for stale, not for one that loses clicks", async (t) => {
    const seen = await judge(t, [await open(t, teachingBoard({ isStale: true, staleMs: 60_000 }))]);
    assertFailed(seen, ["catchUp"]);
    assert.match(seen.stdout, /– Lost updates\n +Not observed: the server returned an older board/);
  });

  test("speaks plain WebSocket through its adapter, and escapes in the page what others wrote", async (t) => {
    const folder = temporaryFolder(t);
    const [file, html] = [join(folder, "adapter.mjs"), join(folder, "page.html")];
    const plain = JSON.stringify(pathToFileURL(adapterFile("plain-ws")).href);
    const name = "<img src=x onerror=alert(1)>\u001b[31m";
    writeFileSync(file, `import board from ${plain};\nexport default { ...board, name: ${JSON.stringify(name)} };\n`);
    const seen = await judge(t, [await open(t, webSocketBoard())], "--adapter", file, "--html", html);
    assertFailed(seen, []);
    assert.equal(seen.result?.restored.left, 0);
    assert.ok(!seen.stdout.includes("\u001b"));
    const page = readFileSync(html, "utf8");
    assert.match(page, /&lt;img src=x/);
    assert.ok(!page.includes("<img") && !page.includes("<script"));
    assert.equal(page.match(/<li>/g)?.length, 10);
    assert.match(page, /Nothing wrong was observed/);
  });

  test("speaks REST with polling through its adapter, and finds what such a board loses", async (t) => {
    const board = await open(t, restBoard({ loses: true }));
    const seen = await judge(t, [board], "--adapter", adapterFile("rest-polling"));
    assertFailed(seen, ["lost"]);
    assert.equal(seen.result?.restored.left, 0);
  });

  test("takes a board that clients ask for every few seconds for slow, not for one that misses messages", async (t) => {
    const file = join(temporaryFolder(t), "adapter.mjs");
    writeFileSync(
      file,
      readFileSync(adapterFile("rest-polling"), "utf8").replace("EVERY_MS = 100", "EVERY_MS = 3_000"),
    );
    assertFailed(await judge(t, [await open(t, restBoard())], "--adapter", file), []);
  });

  const unusable: readonly (readonly [string, () => Promise<Judged>, RegExp])[] = [
    ["never answers", silentServer, /did not (?:answer|send its board) within \d s\n$/],
    ["answers with a page", () => answeringServer(200, "<!doctype html>"), /could not connect over WebSocket/],
    ["answers with other JSON", () => answeringServer(200, '{"state":"no"}'), /could not connect over WebSocket/],
    ["answers without end", () => answeringServer(200, "endless"), /answered with more than 16 MB\n$/],
    ["answers with an error", () => answeringServer(500, "\u001b[31mno"), /\/state answered 500\n$/],
    ["sends changes without end", floodingBoard, /sent more than/],
  ];
  for (const [what, begin, sentence] of unusable) {
    test(`ends with one sentence at a server that ${what}`, async (t) => {
      const { code, stderr, result } = await judge(t, [await open(t, begin())]);
      assert.equal(code, 1);
      assert.match(stderr, sentence);
      assert.match(stderr.split("\n").at(-2) ?? "", /^socketscaler: http:/);
      assert.equal(result, undefined);
    });
  }

  test("changes nothing at another host without a yes, and refuses what is no board or no adapter", async () => {
    const elsewhere = await runCommand(["judge", "http://192.0.2.1:9"]);
    assert.equal(elsewhere.code, 2);
    assert.match(elsewhere.stderr, /clicks up to 104 boxes at http:\/\/192.0.2.1:9.*add --yes\.\n$/s);
    const wrong = await runCommand(["judge", "localhost:9"]);
    assert.deepEqual(
      [wrong.code, wrong.stderr],
      [2, 'socketscaler: "localhost:9" is not the URL of a board: use http://host:port\n'],
    );
    const adapter = await runCommand([
      "judge",
      "http://localhost:9",
      "--adapter",
      fileURLToPath(import.meta.url).replace(/judge\.test\.\w+$/, "none.mjs"),
    ]);
    assert.equal(adapter.code, 2);
    assert.match(adapter.stderr, /none\.mjs cannot be loaded/);
  });

  test("restores the boxes if it is stopped", async (t) => {
    const board = await open(t, teachingBoard({ delayMs: 50 }));
    const child = startCommand(["judge", board.url]);
    assert.ok(child.stdout && child.stderr);
    const said = text(child.stderr);
    const ended = once(child, "exit");
    await until("the judge has clicked", async () => (await stateOf(board.url)).includes(true));
    child.kill("SIGINT");
    const [code] = await ended;
    assert.equal(code, 1);
    assert.match(await said, /stopped\. The judge clicked \d+ box(?:es)?, and all have their old values again\.\n$/);
    assert.ok(!(await stateOf(board.url)).includes(true));
  });
});
