/*
 * Sends the number of people of each board to those who have it open. A large number is sent less
 * often: a crowd that comes and goes would otherwise be sent a message each second, by everyone
 * who comes.
 */

import type { Instance } from "../instance/instance.js";
import type { HostedBoard } from "../pages/pages.js";
import type { Presence } from "./presence.js";

/** Messages about one number in a second, on average. */
const PER_SECOND = 50;
const EVERY_MS_MIN = 1_000;
const EVERY_MS_MAX = 60_000;

/** How often a number may be sent to so many recipients. */
export function everyMs(recipients: number): number {
  return Math.max(EVERY_MS_MIN, Math.min(EVERY_MS_MAX, (recipients / PER_SECOND) * 1_000));
}

export class People {
  readonly #instance: Pick<Instance, "audiences">;
  readonly #presence: Pick<Presence, "people">;
  readonly #sent = new Map<HostedBoard, { readonly people: number; readonly ms: number }>();

  constructor(instance: Pick<Instance, "audiences">, presence: Pick<Presence, "people">) {
    this.#instance = instance;
    this.#presence = presence;
  }

  /** Sends the numbers that are due. Call it at least once a second. */
  send(nowMs: number): void {
    const { audiences } = this.#instance;
    for (const board of this.#sent.keys()) if (audiences.count(board) === 0) this.#sent.delete(board);
    for (const board of audiences.boards()) {
      const people = this.#presence.people(board);
      const last = this.#sent.get(board);
      if (last?.people === people) continue;
      if (last && nowMs - last.ms < everyMs(audiences.count(board))) continue;
      this.#sent.set(board, { people, ms: nowMs });
      audiences.send(board, { kind: "notice", notice: { kind: "people", handle: board.handle, people } });
    }
  }
}
