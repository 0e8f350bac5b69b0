/* The clients of one thread. */

import { setTimeout as pause } from "node:timers/promises";
import { getBit } from "../board/bitmap.js";
import { offsetOf, pageOf } from "../board/geometry.js";
import { formatPosition } from "../board/position.js";
import type { Mismatch, ReferencePage, Share } from "./messages.js";
import { pace } from "./pace.js";
import { Probes, ProbeTurns } from "./probes.js";
import { createPicker, type Picker } from "./spread.js";
import type { Tally } from "./tally.js";
import { User } from "./user.js";

/** One of this many writes goes to a probe, if one has rested. */
const PROBE_EVERY = 10;
const ASK_EVERY_MS = 20;

export interface Call {
  readonly name: "connect" | "load" | "settle" | "compare" | "close";
  readonly args: readonly unknown[];
}

export class Swarm {
  readonly #share: Share;
  readonly #tally: Tally;
  readonly #users: User[] = [];
  /** Those who write: all, if there are no viewers. */
  readonly #writers: User[] = [];
  readonly #probes: Probes;
  readonly #turns: ProbeTurns;
  readonly #pick: Picker;
  /** By client, the pages that have been equal to the store's since the last load. */
  readonly #level = new Map<User, Set<number>>();
  #writes = 0;
  #writer = 0;

  constructor(share: Share, tally: Tally) {
    this.#share = share;
    this.#tally = tally;
    this.#probes = new Probes(share.cells, share.probes);
    this.#turns = new ProbeTurns(this.#probes, share.worker, share.scenario.workers);
    this.#pick = createPicker(share.scenario.spread, share.cells, Math.random);
  }

  get live(): number {
    return this.#users.filter((user) => user.isLive).length;
  }

  /** Connects all clients; returns the number that are live at most `withinMs` after the ramp. */
  async connect(withinMs: number): Promise<number> {
    const { scenario, worker } = this.#share;
    const { clients, viewers, via, workers, rampMs, board, pages } = scenario;
    const startMs = performance.now();
    for (let number = worker; number < clients + viewers; number += workers) {
      const waitMs = startMs + (rampMs * number) / (clients + viewers) - performance.now();
      if (waitMs > 1) await pause(waitMs);
      const isViewer = number >= clients;
      const urls = isViewer ? scenario.viewerUrls : scenario.urls;
      const place = { number, url: urls[number % urls.length] ?? "", board, pages };
      const user = new User(
        { ...place, isMeasured: isViewer || viewers === 0, isFed: isViewer && via === "feed" },
        this.#tally,
        this.#probes,
      );
      this.#users.push(user);
      if (!isViewer) this.#writers.push(user);
    }
    await within(withinMs, () => this.live === this.#users.length);
    return this.live;
  }

  async load(rate: number, durationMs: number): Promise<void> {
    this.#level.clear();
    const share = (rate * this.#writers.length) / this.#share.scenario.clients;
    if (share > 0) {
      const late = (ms: number) => this.#tally.record("late", ms);
      await pace(share, durationMs, () => this.#write(), late);
    } else await pause(durationMs);
  }

  /** Waits for the answers to all writes; returns the number that are missing. */
  async settle(withinMs: number): Promise<number> {
    const pending = () => this.#writers.reduce((sum, user) => sum + user.board.pending, 0);
    await within(withinMs, () => pending() === 0);
    return pending();
  }

  /** Compares the clients that have not been equal yet with these pages. */
  compare(pages: readonly ReferencePage[]) {
    const live = this.#users.filter((user) => user.isLive);
    const mismatches: Mismatch[] = [];
    for (const user of live) {
      const done = this.#level.get(user) ?? new Set();
      this.#level.set(user, done);
      for (const reference of pages) {
        if (done.has(reference.page)) continue;
        const mismatch = compareUser(user, reference);
        if (mismatch) mismatches.push(mismatch);
        else done.add(reference.page);
      }
    }
    const byPage = new Map(pages.map((reference) => [reference.page, reference.bits]));
    /** Cells whose acknowledged value is not in the store. */
    const lost: number[] = [];
    for (const { cell, value } of this.#turns.acknowledged()) {
      const bits = byPage.get(pageOf(cell));
      if (bits && (getBit(bits, offsetOf(cell)) === 1) !== value) lost.push(cell);
    }
    const level = live.filter((user) => this.#level.get(user)?.size === pages.length).length;
    /** Viewers by the feed that had to take a socket. */
    const onSockets = this.#users.filter((user) => user.isFed && user.hasSocket).length;
    return { mismatches, lost, level, live: live.length, onSockets };
  }

  close(): void {
    for (const user of this.#users) user.close();
  }

  #write(): void {
    const user = this.#nextWriter();
    if (!user) return;
    const probe = this.#writes++ % PROBE_EVERY === 0 ? this.#turns.take() : undefined;
    if (probe === undefined) void user.flip(this.#probes.beside(this.#pick(user.number)));
    else void this.#writeProbe(user, probe);
  }

  async #writeProbe(user: User, probe: number): Promise<void> {
    const isAcknowledged = await user.flip(this.#probes.cellOf(probe), (value) => this.#turns.wrote(probe, value));
    this.#turns.settled(probe, isAcknowledged);
  }

  #nextWriter(): User | undefined {
    for (let tries = 0; tries < this.#writers.length; tries++) {
      const user = this.#writers[this.#writer++ % this.#writers.length];
      if (user?.isLive) return user;
    }
    return undefined;
  }
}

function compareUser(user: User, { page, position, bits }: ReferencePage): Mismatch | undefined {
  const replica = user.board.replicaOf(page);
  const at = { client: user.number, url: user.url, page };
  if (!replica) return { ...at, kind: "missing", cells: 0 };
  if (Buffer.compare(replica.bits, bits) === 0) return undefined;
  let cells = 0;
  for (let offset = 0; offset < replica.cells; offset++) if (replica.get(offset) !== getBit(bits, offset)) cells++;
  if (cells === 0) return undefined;
  return { ...at, kind: formatPosition(replica.position) === position ? "diverged" : "behind", cells };
}

async function within(ms: number, isDone: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + ms;
  while (!isDone() && performance.now() < deadlineMs) await pause(ASK_EVERY_MS);
}
