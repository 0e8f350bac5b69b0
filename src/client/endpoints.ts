/* The addresses of the instances, taken in turn. Pauses grow with each round of failures. */

import { backOffMs, type Clock } from "../protocol/clock.js";
import { BOARDS_NAMESPACE } from "../protocol/version.js";

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 5_000;

export interface Endpoint {
  readonly url: string;
  /** With the namespace as its path, as socket.io-client expects. */
  readonly namespace: string;
  /** The path of Engine.IO. */
  readonly path: string;
  /** The URL of the lane, with the scheme ws or wss. */
  readonly lane: string;
}

export class Endpoints {
  readonly #all: readonly Endpoint[];
  readonly #clock: Clock;
  #index = 0;
  /** Connections in a row that failed, or were lost before a request succeeded. */
  #failures = 0;

  constructor(urls: readonly string[], path: string, lanePath: string, clock: Clock) {
    if (urls.length === 0) throw new RangeError("connect needs at least one URL");
    this.#all = urls.map((url) => endpointOf(url, path, lanePath));
    this.#clock = clock;
  }

  get current(): Endpoint | undefined {
    return this.#all[this.#index];
  }

  /** Moves to the next address. Returns the milliseconds to wait before it is tried. */
  next(): number {
    this.#index = (this.#index + 1) % this.#all.length;
    const rounds = Math.floor(this.#failures++ / this.#all.length);
    return backOffMs(this.#clock, rounds, PAUSE_MS_FIRST, PAUSE_MS_MAX);
  }

  /** Makes `next` move to a random other address. */
  skip(): void {
    this.#index += Math.floor(this.#clock.random() * (this.#all.length - 1));
  }

  settled(): void {
    this.#failures = 0;
  }
}

function endpointOf(url: string, path: string, lanePath: string): Endpoint {
  const { href, pathname } = new URL(url);
  const below = (last: string) => `/${`${pathname}/${last}`.split("/").filter(Boolean).join("/")}`;
  const lane = new URL(below(lanePath), href).href.replace(/^http/, "ws");
  return { url, namespace: new URL(BOARDS_NAMESPACE, href).href, path: below(path), lane };
}
