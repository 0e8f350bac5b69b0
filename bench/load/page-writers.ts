/*
 * Simulated instances that write to one page. Each has a writer as in a real instance and a
 * connection of its own to Valkey. One subscriber stands for the clients: it measures how long each
 * change takes from the write to the flush that sends it to them.
 */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { pace } from "../../src/bench/pace.js";
import type { Bit } from "../../src/board/bitmap.js";
import { changedOffset, packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { realClock } from "../../src/protocol/clock.js";
import { FanOut } from "../../src/server/pages/fan-out.js";
import { type PaceRule, Writer } from "../../src/server/writes/writer.js";
import { decodeOps } from "../../src/store/ops.js";
import { STORE_LIMITS, type Store } from "../../src/store/store.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { commitCall } from "../../src/store/valkey/scripts/page-calls.js";
import { Resp } from "../../test/support/resp.js";
import { Delays } from "./delays.js";

/** Cells from here on are written; those before are left to real clients. */
export const FIRST_CELL = 10_000;
const CELLS = 65_536 - FIRST_CELL;
const MODE = { publish: "PUBLISH", isMarked: false, history: { ms: 0, deltasMax: 0 } } as const;
const LIMITS = { waitMs: 30_000, queuedChangesMax: 1_000_000 };
/** The longest interval that nobody notices, always: what a page with many clients has. */
const FLUSH = { flushMsMin: 60, flushMsMax: 60, share: 1, unseenMs: 60, framesUnseen: 500, dozeMsMax: 0 };

export class PageWriters {
  readonly #ref: PageRef;
  readonly #connections: readonly Resp[];
  readonly #watcher: Socket;
  readonly #writtenMs = new Float64Array(CELLS);
  readonly #delays = new Delays();
  #gathered: number[] = [];
  #cells = 0;
  #unsent: (() => void)[] = [];
  #text = "";
  /** The page's version: the number of commits of all instances, also of those that are real. */
  version = 0;

  private constructor(ref: PageRef, connections: readonly Resp[], watcher: Socket) {
    this.#ref = ref;
    this.#connections = connections;
    this.#watcher = watcher;
    const fanOut = new FanOut(realClock, FLUSH);
    const page = { flush: () => this.#flush() };
    watcher.on("data", (data) => {
      this.#read(data.toString("latin1"));
      if (this.#gathered.length > 0) fanOut.request(page);
    });
  }

  static async start(port: number, ref: PageRef, count: number): Promise<PageWriters> {
    const connections = await Promise.all(Array.from({ length: count }, () => Resp.connect(port)));
    const watcher = connect({ port, host: "127.0.0.1" });
    await once(watcher, "connect");
    watcher.write(`SUBSCRIBE ${new Names().page(ref).channel}\r\n`);
    await once(watcher, "data");
    return new PageWriters(ref, connections, watcher);
  }

  /** Writes `rate` single changes a second, in turns, each writer by a rule of its own. */
  async run(rate: number, seconds: number, newRule: () => PaceRule): Promise<void> {
    const writers = this.#connections.map((connection) => {
      const observer = { committed: () => undefined, failed: fail };
      const writer = new Writer(this.#store(connection), realClock, LIMITS, observer, newRule());
      return { writer, session: randomBytes(16).toString("base64url"), seq: 0 };
    });
    let written = 0;
    await pace(rate, seconds * 1_000, () => {
      const next = writers[written++ % writers.length];
      if (!next) return;
      const cell = this.#cells++;
      const value: Bit = Math.floor(cell / CELLS) % 2 === 0 ? 1 : 0;
      this.#writtenMs[cell % CELLS] = performance.now();
      const changes = packChanges([[FIRST_CELL + (cell % CELLS), value]]);
      next.writer.write(this.#ref, { session: next.session, seq: ++next.seq, changes }, (outcome) => {
        if (outcome instanceof Error) fail(outcome);
      });
    });
    await Promise.all(writers.map(({ writer }) => writer.close()));
  }

  /** Percentiles of the delays since the last call. */
  delays(): { readonly p50: number; readonly p99: number } {
    const found = { p50: this.#delays.percentile(50), p99: this.#delays.percentile(99) };
    this.#delays.clear();
    return found;
  }

  close(): void {
    this.#watcher.destroy();
    for (const connection of this.#connections) connection.close();
  }

  #store(connection: Resp): Pick<Store, "commit"> {
    return {
      commit: async (ref, batch) => {
        const { script, keys, args, read } = commitCall(new Names(), ref, batch, STORE_LIMITS, MODE);
        const [how, text] = this.version === 0 ? ["EVAL", script.lua] : ["EVALSHA", script.sha];
        return read(
          await this.#together(() => connection.command(how, text, keys.length, ...keys, ...args.map(String))),
        );
      },
    };
  }

  /**
   * Sends together what simulated instances send in one turn. Real ones do not wait for each other
   * to prepare a batch.
   */
  #together<Result>(send: () => Promise<Result>): Promise<Result> {
    if (this.#unsent.length === 0) {
      setImmediate(() => {
        for (const each of this.#unsent.splice(0)) each();
      });
    }
    return new Promise((done, fail) => this.#unsent.push(() => send().then(done, fail)));
  }

  /** A message is `version:from:to:changes`. */
  #read(data: string): void {
    this.#text += data;
    let end = 0;
    for (const message of this.#text.matchAll(/message\r\n\$\d+\r\n[^\r]*\r\n\$\d+\r\n([^\r]*)\r\n/g)) {
      end = message.index + message[0].length;
      const [version, , , ops = ""] = message[1]?.split(":") ?? [];
      this.version = Number(version);
      for (const change of decodeOps(ops)) this.#gathered.push(changedOffset(change));
    }
    this.#text = this.#text.slice(end);
  }

  #flush(): number {
    const now = performance.now();
    for (const offset of this.#gathered) {
      const writtenMs = this.#writtenMs[offset - FIRST_CELL];
      if (writtenMs) this.#delays.record(now - writtenMs);
    }
    this.#gathered = [];
    return 1;
  }
}

function fail(error: unknown): void {
  throw error;
}
