/* The memory that a board takes in Valkey, by INFO memory: the bits, logs, sessions and history. */

import { packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { parseRetention } from "../../src/store/history.js";
import { BATCH_WRITES_MAX, STORE_LIMITS } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { newSession } from "../../test/support/raw-client.js";
import { ask } from "../../test/support/resp.js";
import { startValkey } from "./processes.js";

export const MILLION_PAGES = 16;
/** Clicks that fill a page's log, and some more, because the log is trimmed only occasionally. */
const LOG_CLICKS = STORE_LIMITS.logDeltasMax + 200;
const SESSIONS = 5_000;
const HISTORY_CLICKS = 10_000;

export interface ValkeyMemory {
  /** 16 pages with every second cell checked; then the same with logs full of single clicks. */
  readonly checkedBytes: number;
  readonly busyBytes: number;
  /** Per session that wrote to a page. */
  readonly sessionBytes: number;
  /** Per recorded click. */
  readonly historyBytes: number;
}

export async function measureValkeyMemory(): Promise<ValkeyMemory> {
  const valkey = await startValkey();
  const store = await ValkeyStore.open({ url: valkey.url });
  const retention = parseRetention("1h");
  if (!retention) throw new Error("no retention");
  const recording = await ValkeyStore.open({ url: valkey.url, histories: { ...retention, deltasMax: 1_000_000 } });
  const used = async () => Number(/^used_memory:(\d+)/m.exec(String(await ask(valkey.port, "INFO", "memory")))?.[1]);
  const grown = async (action: () => Promise<unknown>) => {
    const before = await used();
    await action();
    return (await used()) - before;
  };
  try {
    // Loads the scripts and opens the connections.
    await commitClicks(store, "warm", 0, 1);
    await commitClicks(recording, "warm", 1, 1);
    const pages = Array.from({ length: MILLION_PAGES }, (_, page) => page);
    const checkedBytes = await grown(() => Promise.all(pages.map((page) => checkHalf(store, page))));
    const busy = await grown(() => Promise.all(pages.map((page) => commitClicks(store, "main", page, LOG_CLICKS))));
    const sessions = await grown(() => commitSessions(store));
    await commitClicks(recording, "recorded", 0, LOG_CLICKS);
    const history = await grown(() => commitClicks(recording, "recorded", 0, HISTORY_CLICKS, LOG_CLICKS));
    return {
      checkedBytes,
      busyBytes: checkedBytes + busy,
      sessionBytes: sessions / SESSIONS,
      historyBytes: history / HISTORY_CLICKS,
    };
  } finally {
    await store.close();
    await recording.close();
    await valkey.stop();
  }
}

/** Checks every second cell, without a log. */
async function checkHalf(store: ValkeyStore, page: number): Promise<void> {
  await store.replace({ board: "main", page }, newTag(), new Uint8Array(PAGE_CELLS / 8).fill(0b10101010));
}

/** One click per batch, each on another cell, which is 0 even after checkHalf. */
async function commitClicks(store: ValkeyStore, board: string, page: number, count: number, first = 0): Promise<void> {
  for (let click = first; click < first + count; click++) {
    const changes = packChanges([[2 * click + 1, 1]]);
    await store.commit({ board, page }, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
  }
}

/** Each session sets a cell that is already set: only the memory of the sessions grows. */
async function commitSessions(store: ValkeyStore): Promise<void> {
  for (let first = 0; first < SESSIONS; first += BATCH_WRITES_MAX) {
    const writes = Array.from({ length: BATCH_WRITES_MAX }, () => ({
      session: newSession(),
      seq: 1,
      changes: packChanges([[1, 1]]),
    }));
    await store.commit({ board: "sessions", page: 0 }, { tag: newTag(), writes });
  }
}
