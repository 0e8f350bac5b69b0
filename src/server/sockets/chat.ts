/*
 * Messages that go to everybody. One costs as much as there are clients, so it is charged to the address it comes from by
 * that, and sent to some clients in each turn of the event loop: a click of somebody else goes in between.
 *
 *     say ──► queue, in order ──► 100 clients a turn, until all have it ──► next message
 */

import { Refusal } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";

const CLIENTS_A_TURN = 100;
const QUEUED_MAX = 500;
const BUSY_RETRY_MS = 1_000;
const KIB = 1_024;

export class Chat {
  readonly #instance: Pick<Instance, "admission" | "clock">;
  readonly #clients: () => string[];
  readonly #emit: (clients: string[], text: string) => void;
  readonly #queued: string[] = [];

  /** `clients` names those who are here; `emit` sends one message to some of them. */
  constructor(
    instance: Pick<Instance, "admission" | "clock">,
    clients: () => string[],
    emit: (clients: string[], text: string) => void,
  ) {
    this.#instance = instance;
    this.#clients = clients;
    this.#emit = emit;
  }

  /** Sends `text` to every client; throws RATE_LIMITED if the address has made the instance send enough, or BUSY. */
  say(address: string, text: string): void {
    if (this.#queued.length >= QUEUED_MAX) throw new Refusal("BUSY", { retryAfterMs: BUSY_RETRY_MS });
    this.#instance.admission.admitWork(address, this.#clients().length * (1 + Buffer.byteLength(text) / KIB));
    this.#queued.push(text);
    if (this.#queued.length === 1) this.#send(this.#clients());
  }

  #send(clients: string[]): void {
    const [text] = this.#queued;
    if (text === undefined) return;
    this.#emit(clients.splice(0, CLIENTS_A_TURN), text);
    if (clients.length === 0) this.#queued.shift();
    if (this.#queued.length === 0) return;
    this.#instance.clock.after(0, () => this.#send(clients.length > 0 ? clients : this.#clients()));
  }
}
