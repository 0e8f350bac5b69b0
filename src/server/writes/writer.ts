/*
 * The writer: group commit. The first write to an idle page goes to the store immediately. While
 * its commit is in flight, later writes to the page gather and become the next batch.
 *
 *     write a ──► commit [a] ───────────► ack a
 *     write b      gathers │
 *     write c      gathers └► commit [b c] ───────► ack b, ack c
 *
 * A write to an idle page takes one round trip. An instance that commits often paces itself
 * (pace.ts). A batch whose answer is lost is resent with the same sequence numbers, so that it
 * takes effect once. It gets a new tag, because a lost primary may have committed the first
 * attempt, and the two positions must differ. Later batches of the page never overtake it. At its
 * deadline a write is given up, with a code that tells whether it may have taken effect.
 */

import { changedOffset } from "../../board/delta.js";
import { cellAt, type PageRef, pageName } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { backOffMs, type Clock } from "../../protocol/clock.js";
import { type ErrorCode, Refusal } from "../../protocol/errors.js";
import { isIn, type OffsetRange } from "../../store/frozen.js";
import {
  BATCH_CHANGES_MAX,
  BATCH_WRITES_MAX,
  type Batch,
  type Committed,
  type Store,
  StoreAway,
  Unconfirmed,
  type Write,
} from "../../store/store.js";
import { newTag } from "../../store/tag.js";
import { refuseDamaged } from "../pages/store-refusal.js";
import { Pace } from "./pace.js";

export interface WriterLimits {
  /** How long a write waits for an unavailable store before it is given up, in ms. */
  readonly waitMs: number;
  /** Most changes waiting on this instance, summed over all pages. */
  readonly queuedChangesMax: number;
}

export interface CommittedBatch {
  readonly page: PageRef;
  /** The page's new position, and its number of checked cells there. */
  readonly position: Position;
  readonly checked: number;
  readonly writes: number;
  readonly changes: number;
  readonly ms: number;
}

interface WriterObserver {
  committed(batch: CommittedBatch): void;
  failed(error: unknown): void;
}

/**
 * Called once, with a position of the page at which the write is in it, or with a refusal. If the
 * store has judged the write, `committed` is what it said of the batch, and `index` the write's
 * place in it.
 */
export type SettleWrite = (outcome: Position | Refusal, committed?: Committed, index?: number) => void;

interface Waiting extends Write {
  readonly deadlineMs: number;
  readonly settle: SettleWrite;
}

/** The writes that wait for one page. */
interface PageQueue {
  readonly page: PageRef;
  readonly name: string;
  readonly queue: Waiting[];
}

/** A batch that is being committed. */
interface InFlight {
  readonly page: PageRef;
  readonly waiting: readonly Waiting[];
  readonly attempt: number;
  /** The refusal of a write that is given up. */
  readonly code: ErrorCode;
}

const RETRY_MS_FIRST = 20;
const RETRY_MS_MAX = 250;

/** When batches leave. A benchmark compares rules. */
export type PaceRule = Pick<Pace, "waitMs" | "started" | "committed" | "restMs">;

export class Writer {
  readonly #store: Pick<Store, "commit">;
  readonly #clock: Clock;
  readonly #limits: WriterLimits;
  readonly #observer: WriterObserver;
  readonly #queues = new Map<string, Waiting[]>();
  /** To be called when no write waits. */
  readonly #drained: (() => void)[] = [];
  #queuedChanges = 0;
  readonly #pace: PaceRule;
  #isClosed = false;

  constructor(
    store: Pick<Store, "commit">,
    clock: Clock,
    limits: WriterLimits,
    observer: WriterObserver,
    pace: PaceRule = new Pace(),
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
    this.#observer = observer;
    this.#pace = pace;
  }

  /**
   * Takes a write into the next batch of its page. The writes of a batch are settled together, in
   * one turn. So a caller can send all answers for one connection at once.
   */
  write(page: PageRef, write: Write, settle: SettleWrite): void {
    const refusal = this.#refusal(write.changes.length);
    if (refusal) settle(refusal);
    else this.#take(page, [this.#waiting(write, settle)]);
  }

  /** Like `write` for several writes, which stay next to each other. All are taken, or none. */
  writeAll(page: PageRef, writes: readonly Write[], settle: (at: number) => SettleWrite): void {
    const refusal = this.#refusal(writes.reduce((sum, { changes }) => sum + changes.length, 0));
    if (refusal) for (const at of writes.keys()) settle(at)(refusal);
    else
      this.#take(
        page,
        writes.map((write, at) => this.#waiting(write, settle(at))),
      );
  }

  #refusal(changes: number): Refusal | undefined {
    if (this.#isClosed) return new Refusal("GOING_AWAY", { retryAfterMs: 100 });
    const isFull = this.#queuedChanges + changes > this.#limits.queuedChangesMax;
    return isFull ? new Refusal("BUSY", { retryAfterMs: 1_000 }) : undefined;
  }

  #waiting(write: Write, settle: SettleWrite): Waiting {
    const { session, seq, changes, owner, act } = write;
    this.#queuedChanges += changes.length;
    return { session, seq, changes, owner, act, deadlineMs: this.#clock.now() + this.#limits.waitMs, settle };
  }

  #take(page: PageRef, writes: Waiting[]): void {
    const name = pageName(page);
    const queue = this.#queues.get(name);
    if (queue) {
      for (const write of writes) queue.push(write);
      return;
    }
    this.#queues.set(name, writes);
    this.#next({ page, name, queue: writes });
  }

  /** Refuses further writes. Resolves when all others have been answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#queues.size > 0) await new Promise<void>((done) => this.#drained.push(done));
  }

  /** Sends the next batch of a page, now or when its pace allows. */
  #next(of: PageQueue): void {
    const { page, name, queue } = of;
    if (queue.length === 0) {
      this.#queues.delete(name);
      if (this.#queues.size === 0) for (const done of this.#drained.splice(0)) done();
      return;
    }
    // Full batches need not gather more.
    const isFull = batchLength(queue) < queue.length;
    const waitMs = this.#isClosed || isFull ? 0 : this.#pace.waitMs(page, this.#clock.now());
    this.#after(waitMs, () => this.#send(of));
  }

  #send(of: PageQueue): void {
    const { page, queue } = of;
    const batch = queue.splice(0, batchLength(queue));
    const beganMs = this.#clock.now();
    this.#pace.started(batch.length, beganMs);
    this.#commit({ page, waiting: batch, attempt: 0, code: "STORE_AWAY" }, () => {
      // Even if the queue is empty, so that writes arriving meanwhile gather.
      const restMs = this.#isClosed ? 0 : this.#pace.restMs(beganMs, this.#clock.now());
      this.#after(restMs, () => this.#next(of));
    });
  }

  #after(ms: number, run: () => void): void {
    if (ms > 0) this.#clock.after(ms, run);
    else run();
  }

  /** Commits a batch, if necessary in several attempts. Calls `done` when all are answered. */
  #commit(batch: InFlight, done: () => void): void {
    const { page, waiting } = batch;
    const startMs = this.#clock.now();
    this.#attempt(page, { tag: newTag(), writes: waiting }).then(
      (committed) => {
        this.#committed(page, waiting, committed, startMs);
        done();
      },
      (error: unknown) => this.#failed(batch, error, done),
    );
  }

  /** A store that throws is one that rejects: no queue must stand still for it. */
  #attempt(page: PageRef, batch: Batch): Promise<Committed> {
    try {
      return this.#store.commit(page, batch);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #committed(page: PageRef, waiting: readonly Waiting[], committed: Committed, startMs: number): void {
    const now = this.#clock.now();
    const { position, outcomes, checked, frozen = [], storeMs } = committed;
    const claimed = committed.claimed?.values();
    this.#pace.committed(page, { version: position.version, storeMs }, startMs, now);
    let changes = 0;
    for (let index = 0; index < waiting.length; index++) {
      const write = waiting[index];
      if (!write) continue;
      changes += write.changes.length;
      let outcome: Position | Refusal = position;
      if (outcomes[index] === "stale") outcome = new Refusal("STALE_WRITE");
      else if (outcomes[index] === "frozen") outcome = frozenRefusal(page, write, frozen);
      else if (outcomes[index] === "claimed") outcome = takenRefusal(page, claimed?.next().value);
      this.#settle(write, outcome, committed, index);
    }
    this.#observer.committed({ page, position, checked, writes: waiting.length, changes, ms: now - startMs });
  }

  #failed(batch: InFlight, error: unknown, done: () => void): void {
    if (!(error instanceof StoreAway)) {
      this.#observer.failed(error);
      const refusal = refuseDamaged(error);
      const settled = refusal instanceof Refusal ? refusal : new Refusal("INTERNAL", { cause: error });
      for (const write of batch.waiting) this.#settle(write, settled);
      done();
      return;
    }
    // The last attempt that was sent decides, as an unsent one shows nothing about the others.
    const outcome = error instanceof Unconfirmed ? "NOT_CONFIRMED" : "OUTCOME_UNKNOWN";
    const code = error.sent ? outcome : batch.code;
    const waiting = this.#giveUpLate(batch.waiting, code, error);
    if (waiting.length === 0) done();
    else {
      const again = { ...batch, waiting, code, attempt: batch.attempt + 1 };
      const pauseMs = backOffMs(this.#clock, batch.attempt, RETRY_MS_FIRST, RETRY_MS_MAX);
      this.#after(pauseMs, () => this.#commit(again, done));
    }
  }

  /** A failure to answer one client leaves the answers of the others as they are. */
  #settle(write: Waiting, outcome: Position | Refusal, committed?: Committed, index?: number): void {
    this.#queuedChanges -= write.changes.length;
    try {
      write.settle(outcome, committed, index);
    } catch (error) {
      this.#observer.failed(error);
    }
  }

  #giveUpLate(writes: readonly Waiting[], code: ErrorCode, cause: unknown): Waiting[] {
    const now = this.#clock.now();
    return writes.filter((write) => {
      if (write.deadlineMs > now) return true;
      this.#settle(write, new Refusal(code, { retryAfterMs: 1_000, cause }));
      return false;
    });
  }
}

/** Names the frozen cells, so that a client can keep its other changes. */
function frozenRefusal({ page }: PageRef, { changes }: Write, ranges: readonly OffsetRange[]): Refusal {
  const offsets = Array.from(changes, changedOffset).filter((offset) => isIn(ranges, offset));
  return new Refusal("FROZEN", { cells: offsets.map((offset) => cellAt(page, offset)) });
}

function takenRefusal({ page }: PageRef, offsets: readonly number[] = []): Refusal {
  return new Refusal("TAKEN", { cells: offsets.map((offset) => cellAt(page, offset)) });
}

function batchLength(queue: readonly Waiting[]): number {
  let changes = 0;
  let length = 0;
  for (const write of queue) {
    changes += write.changes.length;
    if (length > 0 && (changes > BATCH_CHANGES_MAX || length === BATCH_WRITES_MAX)) break;
    length++;
  }
  return length;
}
