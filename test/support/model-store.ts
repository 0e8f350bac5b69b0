/*
 * The store's contract in the plainest words: maps in memory, with time and faults under the test's control. Held to the
 * same contract tests as the real ones.
 */

import { countBits, setBit } from "../../src/board/bitmap.js";
import { changedOffset, changedValue, type Delta, packChanges, type Snapshot } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import { GENESIS, type Position, samePosition } from "../../src/board/position.js";
import { type Clock, pause } from "../../src/protocol/clock.js";
import { LocalInstances } from "../../src/store/embedded/local-instances.js";
import { LocalOverview, listInMemory } from "../../src/store/embedded/local-overview.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import { loggedSince } from "../../src/store/logged.js";
import { NOTHING_SEEN, type Seen, takeSeq } from "../../src/store/seen.js";
import {
  type Batch,
  type Committed,
  type Replaced,
  type Since,
  type Store,
  StoreAway,
  type SubscriptionListener,
} from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";

interface ModelPage {
  position: Position;
  bits: Uint8Array;
  log: Delta[];
  seen: Map<string, Seen>;
}

export class ModelStore implements Store {
  readonly engine = "model";
  available = true;
  readonly failures = 0;
  /** Time from a request to its arrival, from there to its answer, and from a commit to its news. */
  delayMs = { request: 0, answer: 0, news: 0 };
  /** Called for each delta on its way to a subscriber; true loses it. */
  lose: (delta: Delta) => boolean = () => false;
  restarts = 0;
  commits: Batch[] = [];
  readonly overview = new LocalOverview({
    ...listInMemory(),
    tally: (ref) => {
      const touched = this.touched(ref);
      return {
        page: ref.page,
        version: touched ? this.#page(ref).position.version : 0,
        checked: touched ? this.checked(ref) : 0,
      };
    },
    read: (action) => this.#ask(action),
    atomically: (action) => this.#ask(action),
  });
  readonly #clock: Clock;
  readonly #logMax: number;
  readonly #pages = new Map<string, ModelPage>();
  readonly #instances: LocalInstances;
  readonly #listeners = new Map<string, Set<SubscriptionListener>>();

  /** Subscriptions that are live. */
  get subscriptions(): number {
    return Array.from(this.#listeners.values()).reduce((sum, { size }) => sum + size, 0);
  }

  constructor(clock: Clock, logMax = 100) {
    this.#clock = clock;
    this.#logMax = logMax;
    this.#instances = new LocalInstances(() => clock.now());
  }

  commit(ref: PageRef, batch: Batch): Promise<Committed> {
    return this.#ask(() => {
      this.commits.push(batch);
      const page = this.#page(ref);
      const effects: [number, 0 | 1][] = [];
      const outcomes = batch.writes.map((write) => {
        if (write.session !== "") {
          const { outcome, seen } = takeSeq(page.seen.get(write.session) ?? NOTHING_SEEN, write.seq);
          page.seen.set(write.session, seen);
          if (outcome !== "taken") return outcome;
        }
        for (const change of write.changes) {
          const effect: [number, 0 | 1] = [changedOffset(change), changedValue(change)];
          if (setBit(page.bits, ...effect)) effects.push(effect);
        }
        return "taken" as const;
      });
      if (effects.length > 0) this.#advance(ref, page, batch.tag, effects);
      return { position: page.position, outcomes, checked: countBits(page.bits) };
    });
  }

  replace(ref: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    return this.#ask(() => {
      const page = this.#page(ref);
      const after = new Uint8Array(page.bits.length);
      after.set(bits);
      const isReplaced = Buffer.compare(after, page.bits) !== 0;
      if (isReplaced) {
        const from = { version: page.position.version, tag: newTag() };
        page.position = { version: page.position.version + 1, tag };
        page.bits = after;
        page.log = [];
        this.#publish(ref, { kind: "delta", page: ref.page, from, to: page.position, changes: new Uint32Array(0) });
      }
      return { position: page.position, checked: countBits(page.bits), isReplaced };
    });
  }

  read(ref: PageRef): Promise<Snapshot> {
    return this.#ask(() => this.snapshot(ref));
  }

  since(ref: PageRef, position: Position): Promise<Since> {
    return this.#ask(() => {
      const page = this.#page(ref);
      if (samePosition(page.position, position)) return { kind: "deltas", deltas: [] };
      const rest = page.log.slice(page.log.findIndex((delta) => samePosition(delta.from, position)));
      const deltas = loggedSince(rest, position, page.position);
      return deltas ? { kind: "deltas", deltas } : this.snapshot(ref);
    });
  }

  subscribe(ref: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#ask(() => {
      const name = pageName(ref);
      const listeners = this.#listeners.get(name) ?? new Set();
      this.#listeners.set(name, listeners);
      listeners.add(listener);
      return () => listeners.delete(listener);
    });
  }

  /** None is kept. */
  async history(): Promise<undefined> {
    return undefined;
  }

  positions(pages: readonly PageRef[]): Promise<Position[]> {
    return this.#ask(() => pages.map((page) => this.#page(page).position));
  }

  announce(instance: string, text: string): Promise<readonly string[]> {
    return this.#ask(() => this.#instances.announce(instance, text));
  }

  restartSubscriptions(): void {
    this.restarts++;
  }

  doze(): void {}

  wake(heard: () => void): void {
    heard();
  }

  onAvailable(): Unsubscribe {
    return () => undefined;
  }

  async close(): Promise<void> {}

  /** What the page is now, with no delay. */
  snapshot(ref: PageRef): Snapshot {
    const { position, bits } = this.#page(ref);
    return { kind: "snapshot", page: ref.page, position, bits: bits.slice() };
  }

  /** Whether anything was ever asked of the page that made it. */
  touched(ref: PageRef): boolean {
    return this.#pages.has(pageName(ref));
  }

  /** A replica took over that lacks the page's last `count` deltas. */
  loseTail(ref: PageRef, count: number): void {
    const page = this.#page(ref);
    const kept = page.log.slice(0, -count);
    page.bits = new Uint8Array(page.bits.length);
    for (const { changes } of kept) {
      for (const change of changes) setBit(page.bits, changedOffset(change), changedValue(change));
    }
    page.log = kept;
    page.position = kept.at(-1)?.to ?? GENESIS;
  }

  checked(ref: PageRef): number {
    return countBits(this.#page(ref).bits);
  }

  #page(ref: PageRef): ModelPage {
    const name = pageName(ref);
    const page = this.#pages.get(name) ?? { position: GENESIS, bits: new Uint8Array(8192), log: [], seen: new Map() };
    this.#pages.set(name, page);
    return page;
  }

  #advance(ref: PageRef, page: ModelPage, tag: string, effects: [number, 0 | 1][]): void {
    const from = page.position;
    const to = { version: from.version + 1, tag };
    const delta: Delta = { kind: "delta", page: ref.page, from, to, changes: packChanges(effects) };
    page.position = to;
    page.log = this.#logMax > 0 ? [...page.log, delta].slice(-this.#logMax) : [];
    this.#publish(ref, delta);
  }

  #publish(ref: PageRef, delta: Delta): void {
    this.#clock.after(this.delayMs.news, () => {
      for (const listener of this.#listeners.get(pageName(ref)) ?? []) if (!this.lose(delta)) listener.delta(delta);
    });
  }

  async #ask<Answer>(answer: () => Answer): Promise<Answer> {
    if (this.delayMs.request > 0) await pause(this.#clock, this.delayMs.request);
    if (!this.available) throw new StoreAway("away", { sent: false });
    const result = answer();
    if (this.delayMs.answer > 0) await pause(this.#clock, this.delayMs.answer);
    return result;
  }
}
