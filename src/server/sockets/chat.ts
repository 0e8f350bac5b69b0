/*
 * Messages to everyone. The cost of one grows with the number of sockets, and is charged to its
 * sender's address. Each turn of the event loop serves some sockets only, so that clicks do not
 * wait.
 *
 *     say ──► queue, in order ──► 100 sockets per turn, until all have it ──► next message
 */

import { Refusal } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";

const SOCKETS_PER_TURN = 100;
const QUEUED_MAX = 500;
const BUSY_RETRY_MS = 1_000;
const KIB = 1_024;

export class Chat {
  readonly #instance: Pick<Instance, "admission" | "clock">;
  readonly #sockets: () => string[];
  readonly #emit: (sockets: string[], text: string) => void;
  readonly #queued: string[] = [];

  /** `sockets` returns the ids of all; `emit` sends one message to some of them. */
  constructor(
    instance: Pick<Instance, "admission" | "clock">,
    sockets: () => string[],
    emit: (sockets: string[], text: string) => void,
  ) {
    this.#instance = instance;
    this.#sockets = sockets;
    this.#emit = emit;
  }

  /** Sends `text` to all. Throws BUSY, or RATE_LIMITED if the address has used up its work. */
  say(address: string, text: string): void {
    if (this.#queued.length >= QUEUED_MAX) throw new Refusal("BUSY", { retryAfterMs: BUSY_RETRY_MS });
    this.#instance.admission.admitWork(address, this.#sockets().length * (1 + Buffer.byteLength(text) / KIB));
    this.#queued.push(text);
    if (this.#queued.length === 1) this.#send(this.#sockets());
  }

  #send(sockets: string[]): void {
    const [text] = this.#queued;
    if (text === undefined) return;
    this.#emit(sockets.splice(0, SOCKETS_PER_TURN), text);
    if (sockets.length === 0) this.#queued.shift();
    if (this.#queued.length === 0) return;
    this.#instance.clock.after(0, () => this.#send(sockets.length > 0 ? sockets : this.#sockets()));
  }
}
