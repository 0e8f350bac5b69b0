/*
 * The log lines about one server. Each kind of trouble is logged once until it ends. The loss and
 * the return of the server are logged once each, and the return with the number of failures in
 * between.
 */

import { countOf } from "../../../protocol/count.js";
import type { Endpoint, ValkeyAddress } from "../address/url.js";
import { inquire } from "./inquiry.js";
import { isRefusal } from "./replies.js";
import { explain, explainAtLast, type Trouble } from "./trouble.js";

/** Trouble has ended after this long without a refusal or a failure. */
const CALM_MS = 5_000;
const INQUIRE_EVERY_MS = 1_000;

export class Incidents {
  readonly #name: string;
  readonly #address: ValkeyAddress;
  readonly #endpoint: Endpoint;
  readonly #write: (message: string) => void;
  /** Kinds of trouble that were reported and have not ended yet. */
  readonly #reported = new Set<string>();
  #failedMs = Number.NEGATIVE_INFINITY;
  #lost: { readonly sinceMs: number; failures: number } | undefined;
  #refused: { readonly sinceMs: number; count: number } | undefined;
  #inquiredMs = Number.NEGATIVE_INFINITY;
  #isSilent = false;
  #closed = false;

  /** `name` is the name of the server at `endpoint`. */
  constructor(name: string, address: ValkeyAddress, endpoint: Endpoint, write: (message: string) => void) {
    this.#name = name;
    this.#address = address;
    this.#endpoint = endpoint;
    this.#write = write;
  }

  /** Counts a failed command or attempt to connect, and logs nothing. */
  failed(error: unknown): void {
    this.#failedMs = performance.now();
    if (this.#lost) this.#lost.failures++;
    else if (isRefusal(error)) {
      this.#refused ??= { sinceMs: this.#failedMs, count: 0 };
      this.#refused.count++;
    }
  }

  /**
   * Reports the meaning of the error. If the error does not show it, inquires at the server first.
   */
  reportError(error: unknown): void {
    const trouble = explain(error, this.#address);
    if (trouble) this.report(trouble);
    else void this.#inquire();
  }

  report({ kind, text }: Trouble): void {
    if (this.#reported.has(kind)) return;
    this.#reported.add(kind);
    this.write(`trouble with Valkey at ${this.#name}: ${text}`);
  }

  write(message: string): void {
    if (!this.#closed) this.#write(message);
  }

  /** Call this before a deliberate disconnect whose reason was reported already. */
  silenceNextLoss(): void {
    this.#isSilent = true;
  }

  lost(why: string): void {
    this.#lost = { sinceMs: performance.now(), failures: 0 };
    if (this.#isSilent) return;
    this.write(
      `Valkey at ${this.#name} is unavailable: ${why}. Writes wait, and are refused if it does not return in time`,
    );
  }

  back(): void {
    if (this.#lost && !this.#isSilent) {
      const { sinceMs, failures } = this.#lost;
      this.write(`Valkey at ${this.#name} is back after ${secondsFrom(sinceMs)} s and ${countOf(failures, "failure")}`);
      this.#reported.clear();
    }
    this.#lost = undefined;
    this.#isSilent = false;
  }

  /** To be called from time to time while the server is available. */
  endIfCalm(): void {
    if (performance.now() - this.#failedMs < CALM_MS) return;
    this.#reported.clear();
    if (!this.#refused) return;
    const { sinceMs, count } = this.#refused;
    this.#refused = undefined;
    const seconds = secondsFrom(sinceMs, this.#failedMs);
    this.write(`Valkey at ${this.#name} accepts requests again after ${countOf(count, "refusal")} in ${seconds} s`);
  }

  close(): void {
    this.#closed = true;
  }

  /** Rate-limited, because a server at its connection limit has none to spare. */
  async #inquire(): Promise<void> {
    const now = performance.now();
    if (this.#closed || now - this.#inquiredMs < INQUIRE_EVERY_MS) return;
    this.#inquiredMs = Number.POSITIVE_INFINITY;
    const found = await inquire(this.#address, this.#endpoint);
    this.#inquiredMs = now;
    if (found !== undefined) this.report(explainAtLast(found, this.#address));
  }
}

function secondsFrom(startMs: number, endMs = performance.now()): string {
  return ((endMs - startMs) / 1_000).toFixed(1);
}
