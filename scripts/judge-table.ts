/*
 * Judges boards whose faults are known, each several times, and prints a table of the verdicts. A
 * verdict that differs between two runs is flaky, and the exit code is then 1. Each run is reported
 * on stderr. Needs `valkey-server`, and for the Redis adapter the packages of bench/peers.
 *
 *     npm run judge:table -- --runs 20
 *     npm run judge:table -- --runs 3 --only "array|adapter"     boards whose name matches
 *     npm run judge:table -- --at-once 4                         four runs at the same time
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPeers, peerArgs } from "../bench/load/peers.js";
import { start } from "../bench/load/processes.js";
import { start as startBitmap } from "../examples/tutorial/naive/bitmap.js";
import { start as startIsland } from "../examples/tutorial/naive/island.js";
import { start as startJsonArray } from "../examples/tutorial/naive/json-array.js";
import { start as startVersionNumber } from "../examples/tutorial/naive/version-number.js";
import { Stage } from "../examples/tutorial/stage.js";
import type { JudgeResult } from "../src/judge/report/result.js";
import { runCommand } from "../test/support/command.js";
import { spawnInstance } from "../test/support/instances.js";
import * as boards from "../test/support/judged-boards.js";
import { RELAY_SECRET } from "../test/support/relay.js";

const CELLS = 100;
const NETWORK_MS = 20;

interface Target {
  readonly name: string;
  /** The beginning of the verdict, or a part of the one sentence. */
  readonly expected: string;
  readonly args?: readonly string[];
  readonly open: (stage: Stage) => Promise<readonly { readonly url: string }[]>;
}

type Naive = (valkeyUrl: string, cells: number) => Promise<{ readonly url: string; close(): Promise<void> }>;

function naive(start: Naive, count: number): Target["open"] {
  return async (stage) => {
    const valkey = await stage.valkey();
    return Promise.all(Array.from({ length: count }, () => stage.naive(start(valkey.url, CELLS))));
  };
}

function ours(count: number): Target["open"] {
  return async (stage) => {
    const valkey = await stage.valkey();
    return Promise.all(
      Array.from({ length: count }, async () => {
        const instance = await spawnInstance({ VALKEY_URL: valkey.url });
        stage.after(() => instance.kill());
        return instance;
      }),
    );
  };
}

async function relayed(stage: Stage): Promise<{ readonly url: string }[]> {
  const valkey = await stage.valkey();
  const origin = await spawnInstance({ VALKEY_URL: valkey.url, RELAY_SECRET });
  stage.after(() => origin.kill());
  const relay = await spawnInstance({ UPSTREAM_URL: origin.url, RELAY_SECRET });
  stage.after(() => relay.kill());
  return [origin, relay];
}

function redisAdapter(count: number): Target["open"] {
  return async (stage) => {
    installPeers();
    const valkey = await stage.valkey();
    return Promise.all(
      Array.from({ length: count }, async () => {
        const server = await start(process.execPath, peerArgs("adapter-board.ts")(valkey, CELLS));
        stage.after(() => server.stop());
        return server;
      }),
    );
  };
}

function board(open: () => Promise<boards.Judged>): Target["open"] {
  return async (stage) => [await stage.naive(open())];
}

function teaching(faults: Parameters<typeof boards.teachingBoard>[0]): Target["open"] {
  return board(() => boards.teachingBoard(faults));
}

const slowBitmap: Naive = async (url, cells) => {
  const instance = await startBitmap(url, cells);
  instance.bitmap.answered = () => new Promise((done) => setTimeout(done, NETWORK_MS));
  return instance;
};
const island: Naive = startIsland;
const adapter = (name: string) => fileURLToPath(new URL(`../examples/judge/${name}.mjs`, import.meta.url));

const TARGETS: readonly Target[] = [
  { name: "step 1: island, 1 instance", expected: "nothing failed (", open: naive(island, 1) },
  { name: "step 1: island, 2 instances", expected: "failed: divergence (", open: naive(island, 2) },
  { name: "step 2: JSON array, 1 instance", expected: "failed: lost (", open: naive(startJsonArray, 1) },
  { name: "step 2: JSON array, 2 instances", expected: "failed: lost (", open: naive(startJsonArray, 2) },
  { name: "step 3: bitmap, slow network, 1 instance", expected: "failed: join (", open: naive(slowBitmap, 1) },
  { name: "step 3: bitmap, slow network, 2 instances", expected: "failed: join (", open: naive(slowBitmap, 2) },
  // Here alone the verdict depends on chance: the bad moment lasts microseconds (docs/judge.md).
  { name: "step 3: bitmap, fast network, 2 instances", expected: "", open: naive(startBitmap, 2) },
  { name: "step 6: version number, 2 instances", expected: "nothing failed (", open: naive(startVersionNumber, 2) },
  {
    name: "Socket.IO + Redis adapter, 1 instance",
    expected: "nothing failed (",
    args: ["--hostile"],
    open: redisAdapter(1),
  },
  {
    name: "Socket.IO + Redis adapter, 2 instances",
    expected: "failed: order (",
    args: ["--hostile"],
    open: redisAdapter(2),
  },
  { name: "SocketScaler, 1 instance", expected: "nothing failed (", args: ["--hostile"], open: ours(1) },
  {
    name: "SocketScaler, an instance and its relay",
    expected: "nothing failed (",
    args: ["--hostile"],
    open: relayed,
  },
  { name: "SocketScaler, 4 instances", expected: "nothing failed (", args: ["--hostile"], open: ours(4) },
  {
    name: "plain WebSocket",
    expected: "nothing failed (",
    args: ["--adapter", adapter("plain-ws")],
    open: board(() => boards.webSocketBoard()),
  },
  {
    name: "REST with polling",
    expected: "nothing failed (",
    args: ["--adapter", adapter("rest-polling")],
    open: board(() => boards.restBoard()),
  },
  {
    name: "REST with polling, the board read, changed and written back",
    expected: "failed: lost (",
    args: ["--adapter", adapter("rest-polling")],
    open: board(() => boards.restBoard({ loses: true })),
  },
  { name: "a board that flips", expected: "failed: toggle (", open: teaching({ flips: true }) },
  { name: "a board behind a stale cache", expected: "failed: catchUp (", open: teaching({ isStale: true }) },
  { name: "one limit for all visitors", expected: "failed: blind (", open: teaching({ sharesLimit: true }) },
  { name: "one of 29 messages is lost", expected: "failed: missed (", open: teaching({ losesOneIn: 29 }) },
  {
    name: "slow, without acknowledgements",
    expected: "nothing failed (",
    open: teaching({ isMute: true, delayMs: 150 }),
  },
  ...(["disconnects", "grows", "wedges"] as const).map((fault) => ({
    name: `hostile messages: ${fault}`,
    expected: fault === "wedges" ? "failed: stall (" : "failed: crash (",
    args: ["--hostile"],
    open: teaching({ [fault]: true }),
  })),
  { name: "a server that never answers", expected: "did not", open: board(boards.silentServer) },
  {
    name: "a server that answers garbage",
    expected: "could not connect over WebSocket",
    open: board(() => boards.answeringServer(200, "<html>")),
  },
  {
    name: "a server that answers without end",
    expected: "more than 16 MB",
    open: board(() => boards.answeringServer(200, "endless")),
  },
];

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    only: { type: "string", default: "" },
    "at-once": { type: "string", default: "1" },
  },
});

interface Row {
  readonly target: Target;
  /** Verdict -> the number of runs. */
  readonly seen: Map<string, number>;
  secondsMax: number;
  /** Runs after which some boxes did not have their old values, or could not be read. */
  unrestored: number;
}

const rows = TARGETS.filter(({ name }) => new RegExp(values.only, "i").test(name)).map(
  (target): Row => ({ target, seen: new Map(), secondsMax: 0, unrestored: 0 }),
);
const waiting = Array.from({ length: Number(values.runs) }, () => rows).flat();
const folder = mkdtempSync(join(tmpdir(), "judge-table-"));
await Promise.all(
  Array.from({ length: Number(values["at-once"]) }, (_, worker) => work(join(folder, `${worker}.json`))),
);
rmSync(folder, { recursive: true });
process.stdout.write(table());
process.exit(rows.every(isRight) ? 0 : 1);

async function work(json: string): Promise<void> {
  for (let row = waiting.shift(); row; row = waiting.shift()) {
    const { verdict, seconds, isRestored } = await judgeOnce(row.target, json);
    if (!isRestored) row.unrestored++;
    row.seen.set(verdict, (row.seen.get(verdict) ?? 0) + 1);
    row.secondsMax = Math.max(row.secondsMax, seconds);
    process.stderr.write(`${row.target.name}: ${verdict} (${waiting.length} runs left)\n`);
  }
}

function isRight({ target, seen }: Row): boolean {
  const [first, ...others] = seen.keys();
  return others.length === 0 && first?.includes(target.expected) === true;
}

function table(): string {
  const lines = rows.map((row) => {
    const verdicts = Array.from(row.seen, ([verdict, count]) => `${count} × ${verdict}`).join(" OR ");
    return `| ${row.target.name} | ${verdicts} | ${isRight(row) ? "yes" : "NO"} | ${row.secondsMax.toFixed(1)} | ${row.unrestored} |`;
  });
  return [
    "| board | verdicts | as expected | seconds, most | not restored |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

async function judgeOnce(target: Target, json: string) {
  const stage = new Stage(true, () => undefined);
  rmSync(json, { force: true });
  try {
    const urls = (await target.open(stage)).map(({ url }) => url);
    const startMs = performance.now();
    const { code, stderr } = await runCommand(["judge", ...urls, "--json", json, ...(target.args ?? [])]);
    const seconds = (performance.now() - startMs) / 1_000;
    const result = existsSync(json) ? (JSON.parse(readFileSync(json, "utf8")) as JudgeResult) : undefined;
    const verdict = `${result ? verdictIn(result) : sentenceIn(stderr)}, exit ${code}`;
    return { verdict, seconds, isRestored: !result || result.restored.left === 0 };
  } finally {
    await stage.close();
  }
}

/** The checks that failed, and those that were not observed. */
function verdictIn({ findings }: JudgeResult): string {
  const named = (verdict: string) => findings.filter((finding) => finding.verdict === verdict);
  const list = (verdict: string) =>
    named(verdict)
      .map(({ check }) => check)
      .join(", ");
  const failed = list("failed");
  return `${failed === "" ? "nothing failed" : `failed: ${failed}`} (not observed: ${list("not observed")})`;
}

function sentenceIn(stderr: string): string {
  return (stderr.trim().split("\n").at(-1) ?? "").replace(/http\S+:\d+/g, "URL");
}
