/* Watches the replica of the lab's page inside an instance, and why it asked the store. */

import { formatPosition, type Position } from "../../board/position.js";
import { every, realClock } from "../../protocol/clock.js";
import type { Instance } from "../../server/instance/instance.js";
import type { ResyncCause } from "../../server/pages/follower.js";
import type { Since, Store } from "../../store/store.js";
import { BEAT_MS, LAB_BOARD, type Resync } from "./process-messages.js";

interface Observed {
  readonly position: string | undefined;
  readonly resync?: Resync | undefined;
}

const CAUSE = /^socketscaler_resyncs_total\{cause="(\w+)"\} (\d+)/gm;

/** Calls `answered` for each answer to the question what has changed since a position. */
export function observeSince(store: Store, answered: (from: Position, answer: Since) => void): void {
  const since = store.since.bind(store);
  store.since = async (page, position) => {
    const answer = await since(page, position);
    if (page.board === LAB_BOARD) answered(position, answer);
    return answer;
  };
}

/** Keeps the page held. Calls `observed` on each change, and every BEAT_MS. */
export class ReplicaObserver {
  readonly #instance: Instance;
  readonly #observed: (state: Observed) => void;
  readonly #position: () => string | undefined;
  readonly #counts = new Map<string, number>();

  constructor(instance: Instance, observed: (state: Observed) => void) {
    const board = instance.boards.get(LAB_BOARD);
    if (!board) throw new Error("the lab's board is missing");
    const { follower } = instance.pages.use(board, 0).hub;
    this.#instance = instance;
    this.#observed = observed;
    this.#position = () => (follower.isReady ? formatPosition(follower.replica.position) : undefined);
    const tell = () => observed({ position: this.#position() });
    follower.observe({ applied: tell, restarted: tell });
    void follower.ready.then(tell);
    every(realClock, BEAT_MS, tell);
  }

  /** The store was asked. Reports it if the replica has missed something. */
  async asked(from: Position, answer: Since): Promise<void> {
    const causes = await this.#newCauses();
    const isSnapshot = answer.kind === "snapshot";
    const deltas = isSnapshot ? [] : answer.deltas;
    const to = isSnapshot ? answer.position : deltas.at(-1)?.to;
    if (!to) return;
    const resync = { causes, from: formatPosition(from), to: formatPosition(to), deltas: deltas.length, isSnapshot };
    this.#observed({ position: this.#position(), resync });
  }

  /** The causes that the instance has counted since the last call. */
  async #newCauses(): Promise<ResyncCause[]> {
    const causes: ResyncCause[] = [];
    for (const [, cause = "", count] of (await this.#instance.metrics.text()).matchAll(CAUSE)) {
      if (Number(count) > (this.#counts.get(cause) ?? 0)) causes.push(cause as ResyncCause);
      this.#counts.set(cause, Number(count));
    }
    return causes;
  }
}
