/*
 * Gathers the messages that were seen, and reports them a few times a second. Equal ones become one
 * with a count, so a storm is a bounded number of hops.
 */

import type { Hop, HopKind } from "../../protocol/lab.js";

const REPORT_MS = 40;

export class Hops {
  readonly #seen = new Map<string, Hop>();
  readonly #report: (hops: readonly Hop[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(report: (hops: readonly Hop[]) => void) {
    this.#report = report;
  }

  add(kind: HopKind, from: string, to: string, label: string): void {
    const key = `${kind} ${from} ${to}`;
    this.#seen.set(key, { kind, from, to, label, count: (this.#seen.get(key)?.count ?? 0) + 1 });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const hops = [...this.#seen.values()];
      this.#seen.clear();
      this.#report(hops);
    }, REPORT_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
