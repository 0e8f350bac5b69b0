/* The addresses of the instances, taken in turn. Pauses grow with each round of failures. */

import { backOffMs, type Clock } from "../../protocol/clock.js";

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 5_000;

export class Endpoints {
  readonly #urls: readonly string[];
  readonly #clock: Clock;
  #index = 0;
  /** Connections in a row that failed, or were lost before a request succeeded. */
  #failures = 0;

  constructor(urls: readonly string[], clock: Clock) {
    if (urls.length === 0) throw new RangeError("connect needs at least one URL");
    for (const url of urls) below(url, "");
    this.#urls = urls;
    this.#clock = clock;
  }

  get current(): string | undefined {
    return this.#urls[this.#index];
  }

  /** Moves to the next address. Returns the milliseconds to wait before it is tried. */
  next(): number {
    this.#index = (this.#index + 1) % this.#urls.length;
    const rounds = Math.floor(this.#failures++ / this.#urls.length);
    return backOffMs(this.#clock, rounds, PAUSE_MS_FIRST, PAUSE_MS_MAX);
  }

  /** Makes `next` move to a random other address. */
  skip(): void {
    this.#index += Math.floor(this.#clock.random() * (this.#urls.length - 1));
  }

  settled(): void {
    this.#failures = 0;
  }
}

/** The address of a path below the URL's own path. Throws if the URL is invalid. */
export function below(url: string, path: string): URL {
  const { pathname } = new URL(url);
  return new URL(`/${`${pathname}/${path}`.split("/").filter(Boolean).join("/")}`, url);
}
