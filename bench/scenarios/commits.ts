/*
 * Question: how many changes a second does one core of Valkey commit through our script?
 *
 * The script is called over one connection, with several calls in flight so that Valkey never
 * waits. Four subscribers stand for four instances. Valkey's CPU is counted, so the speed of the
 * sender does not matter. Every write changes its cell.
 */

import { randomBytes } from "node:crypto";
import type { Bit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { BATCH_CHANGES_MAX, BATCH_WRITES_MAX, STORE_LIMITS, type Write } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { commitCall } from "../../src/store/valkey/scripts/page-calls.js";
import { Resp } from "../../test/support/resp.js";
import { atLeast, Rounds, type Scenario } from "../load/outcome.js";
import { cpuSeconds, startValkey } from "../load/processes.js";

const REF = { board: "main", page: 0 };
const CELLS = 65_536;
const SUBSCRIBERS = 4;
const IN_FLIGHT = 8;
const TARGET = 1_000_000;
const TARGET_TEXT =
  "changes/s in full batches, 8 sessions with 512 neighbouring cells each; 1,000 clicks of 200 sessions give fewer, see the table";

/** A batch: `writes` writes of `changes` changes each, from `sessions` sessions in turn. */
export interface Shape {
  readonly name: string;
  readonly writes: number;
  readonly changes: number;
  readonly sessions: number;
}

export const FULL: Shape = {
  name: "full batch: 8 writes of 512",
  writes: BATCH_CHANGES_MAX / 512,
  changes: 512,
  sessions: 8,
};
export const CLICK: Shape = { name: "one click", writes: 1, changes: 1, sessions: 1 };
export const CLICKS: Shape = {
  name: "1,000 clicks of 200 sessions",
  writes: BATCH_WRITES_MAX,
  changes: 1,
  sessions: 200,
};
const SHAPES: readonly Shape[] = [CLICK, CLICKS, FULL];

export const commits: Scenario = {
  name: "commits",
  question: "How many changes per second does one core of Valkey commit?",
  run: async ({ isQuick, tell }) => {
    const seconds = isQuick ? 1 : 3;
    const rounds = isQuick ? 1 : 3;
    const valkey = await startValkey();
    const connection = await Resp.connect(valkey.port);
    const listeners = await Promise.all(Array.from({ length: SUBSCRIBERS }, () => Resp.connect(valkey.port)));
    try {
      for (const listener of listeners) await listener.command("SUBSCRIBE", new Names().page(REF).channel);
      const found = new Rounds();
      for (let round = 0; round < rounds; round++) {
        for (const shape of SHAPES) {
          const perSecond = await measureCommits(connection, valkey.pid, shape, seconds);
          found.add(shape.name, perSecond);
          tell(`${shape.name}: ${Math.round(perSecond).toLocaleString("en-US")} changes per CPU second`);
        }
      }
      const rows = SHAPES.map(({ name }) => ({ system: name, perSecond: found.spread(name) }));
      return {
        method: `EVALSHA over one connection, ${IN_FLIGHT} in flight, ${SUBSCRIBERS} subscribers; changes divided by Valkey's CPU time, ${rounds} rounds.`,
        columns: { system: "batch", perSecond: "changes per CPU second" },
        rows,
        targets: [atLeast(TARGET, "", TARGET_TEXT, found.spread(FULL.name).median)],
      };
    } finally {
      connection.close();
      for (const listener of listeners) listener.close();
      await valkey.stop();
    }
  },
};

/** Changes per second of Valkey's CPU. */
export async function measureCommits(connection: Resp, pid: number, shape: Shape, seconds: number): Promise<number> {
  await connection.command("FLUSHALL");
  const sessions = Array.from({ length: shape.sessions }, () => randomBytes(16).toString("base64url"));
  let batch = 0;
  let changed = 0;
  const commitOne = async (isFirst = false) => {
    const writes = writesOf(shape, sessions, batch++);
    const mode = { publish: "PUBLISH", isMarked: false, history: { ms: 0, deltasMax: 0 } } as const;
    const call = commitCall(new Names(), REF, { tag: newTag(), writes }, STORE_LIMITS, mode);
    const { script, keys, args } = call;
    // EVAL also loads the script.
    const [how, text] = isFirst ? ["EVAL", script.lua] : ["EVALSHA", script.sha];
    await connection.command(how, text, keys.length, ...keys, ...args.map(String));
    changed += shape.writes * shape.changes;
  };
  await commitOne(true);
  changed = 0;
  const before = cpuSeconds([pid]);
  const endMs = performance.now() + seconds * 1_000;
  const lane = async () => {
    while (performance.now() < endMs) await commitOne();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return changed / (cpuSeconds([pid]) - before);
}

/** The cells of the page in turn; each pass writes the other value. */
function writesOf({ writes, changes }: Shape, sessions: readonly string[], batch: number): Write[] {
  return Array.from({ length: writes }, (_, index) => {
    const first = (batch * writes + index) * changes;
    const value: Bit = Math.floor(first / CELLS) % 2 === 0 ? 1 : 0;
    return {
      session: sessions[index % sessions.length] ?? "",
      seq: batch * Math.ceil(writes / sessions.length) + Math.floor(index / sessions.length) + 1,
      changes: packChanges(Array.from({ length: changes }, (_, change) => [(first + change) % CELLS, value])),
    };
  });
}
