/*
 * Says why a page of another origin may not use the boards: to the page, and once to the operator,
 * who can allow it. A program can send any origin, so only a number of them is logged.
 */

import type { IncomingMessage } from "node:http";
import { Refusal } from "../../protocol/errors.js";

const LOGGED_MAX = 100;
const CHARACTERS_MAX = 200;

export class RefusedOrigins {
  readonly #log: (origin: string) => void;
  readonly #logged = new Set<string>();

  constructor(log: (origin: string) => void) {
    this.#log = log;
  }

  /** The refusal of this request, which names its origin. */
  refusal({ headers }: IncomingMessage): Refusal {
    const sent = headers.origin?.slice(0, CHARACTERS_MAX);
    const origin = sent ?? `no Origin, and Sec-Fetch-Site is ${String(headers["sec-fetch-site"])}`;
    if (!this.#logged.has(origin) && this.#logged.size < LOGGED_MAX) {
      this.#logged.add(origin);
      this.#log(origin);
    }
    return new Refusal("ORIGIN_REFUSED", { detail: origin });
  }
}
