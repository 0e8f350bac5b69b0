/*
 * One fault, and what came of it. Everything is measured while it happens: which parts are behind,
 * when all of them agree again, and which acknowledged clicks the store lacks.
 *
 *     fault ── some parts are behind ──► all agree for SETTLED_MS ──► closed
 *     fault ── somebody removes the cause ──► all agree …
 */

import type { ActionName, Finding, Sighting, Trial } from "../../protocol/lab.js";
import type { Side, SideWatch } from "./side.js";

/** Parts that agree for less may only not have noticed yet. */
const SETTLED_MS = 700;
/** A naive side that does not agree by then never will. */
const NAIVE_MS_MAX = 6_000;
const SIGHTINGS_MAX = 40;

type Now = () => number;

/** Counts on one side. */
export class SideRecord {
  readonly #now: Now;
  readonly #sightings: Sighting[] = [];
  /** The value of the last click on each box, once acknowledged. */
  readonly #expected = new Map<number, boolean>();
  /** The same for clicks without an answer. */
  readonly #unanswered = new Map<number, boolean>();
  #clicks = 0;
  #acknowledged = 0;
  #commits = 0;
  #frames = 0;
  #behindMost = 0;
  #agreedMs: number | undefined;
  #cureMs: number | undefined;
  #wrong = 0;
  #lost = 0;
  #gone = 0;

  /** `now` counts from the fault. */
  constructor(now: Now) {
    this.#now = now;
  }

  readonly watch: Omit<SideWatch, "changed"> = {
    committed: () => void this.#commits++,
    framed: () => void this.#frames++,
    saw: (text) => {
      if (this.#sightings.length < SIGHTINGS_MAX) this.#sightings.push({ ms: Math.round(this.#now()), text });
    },
    clicked: async (cell, value, answer) => {
      this.#clicks++;
      this.#unanswered.set(cell, value);
      const isAcknowledged = await answer.then(
        () => true,
        () => false,
      );
      if (!isAcknowledged) return;
      this.#acknowledged++;
      this.#unanswered.delete(cell);
      this.#expected.set(cell, value);
    },
  };

  cured(): void {
    this.#cureMs ??= this.#now();
  }

  /** Compares the side as it is now. */
  look(side: Side): void {
    const behind = side.behind();
    this.#behindMost = Math.max(this.#behindMost, behind.length);
    if (behind.length > 0) this.#agreedMs = undefined;
    else this.#agreedMs ??= this.#now();
    this.#wrong = side.wrong();
    const { stored } = side;
    if (stored === undefined) return;
    const missing = (clicks: ReadonlyMap<number, boolean>) =>
      Array.from(clicks).filter(([cell, value]) => (stored[cell] === "1") !== value).length;
    this.#lost = missing(this.#expected);
    this.#gone = missing(this.#unanswered);
  }

  get isSettled(): boolean {
    return this.#agreedMs !== undefined && this.#now() - this.#agreedMs > SETTLED_MS;
  }

  get sinceCureMs(): number {
    return this.#now() - (this.#cureMs ?? 0);
  }

  finding(): Finding {
    const agreedMs = this.#agreedMs;
    const sinceCure = agreedMs === undefined || this.#cureMs === undefined ? undefined : agreedMs - this.#cureMs;
    return {
      healedMs: agreedMs === undefined ? undefined : Math.round(agreedMs),
      sinceCureMs: sinceCure === undefined ? undefined : Math.max(0, Math.round(sinceCure)),
      behindMost: this.#behindMost,
      wrong: this.#wrong,
      clicks: this.#clicks,
      acknowledged: this.#acknowledged,
      lost: this.#lost,
      gone: this.#gone,
      isInterrupted: false,
      commits: this.#commits,
      frames: this.#frames,
      sightings: [...this.#sightings],
    };
  }
}

export class LabTrial {
  readonly action: ActionName;
  readonly ours: SideRecord;
  readonly naive: SideRecord | undefined;
  /** Whether somebody still has to remove the cause. */
  awaitsCure = false;
  /** The view of a trial that has ended. Later answers belong to no trial. */
  #last: Trial | undefined;
  readonly #number: number;
  readonly #title: string;

  constructor(number: number, action: ActionName, title: string, hasNaive: boolean) {
    const startMs = performance.now();
    const now = () => performance.now() - startMs;
    this.#number = number;
    this.action = action;
    this.#title = title;
    this.ours = new SideRecord(now);
    this.naive = hasNaive ? new SideRecord(now) : undefined;
  }

  cured(): void {
    this.awaitsCure = false;
    this.ours.cured();
    this.naive?.cured();
  }

  get isOpen(): boolean {
    return this.#last === undefined;
  }

  close(isInterrupted = false): void {
    if (this.#last) return;
    const ended = (finding: Finding) => ({
      ...finding,
      isInterrupted: isInterrupted && finding.healedMs === undefined,
    });
    const { ours, naive, ...view } = this.view();
    this.#last = { ...view, isOpen: false, ours: ended(ours), naive: naive && ended(naive) };
  }

  /** `isBusy` while the fault is still being made. */
  look(ours: Side, naive: Side | undefined, isBusy: boolean): void {
    if (!this.isOpen) return;
    this.ours.look(ours);
    if (naive) this.naive?.look(naive);
    const { naive: record } = this;
    const isNaiveDone = !record || record.isSettled || record.sinceCureMs > NAIVE_MS_MAX;
    if (!isBusy && !this.awaitsCure && this.ours.isSettled && isNaiveDone) this.close();
  }

  view(): Trial {
    if (this.#last) return this.#last;
    return {
      number: this.#number,
      action: this.action,
      title: this.#title,
      isOpen: true,
      ours: this.ours.finding(),
      naive: this.naive?.finding(),
    };
  }
}
