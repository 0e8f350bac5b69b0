/*
 * Whether several upstreams serve the same boards. Only instances over one store share a roll of
 * instances (roll.ts). So a mark is put there through one upstream, and read through another. An
 * address that has not passed this check is not used.
 */

import { randomBytes } from "node:crypto";
import { type Cancel, every } from "../../protocol/clock.js";
import { NOBODY } from "../roll.js";
import { type LinkOptions, UpstreamLink } from "./upstream-link.js";

type Probed = "same" | "foreign" | { readonly unreachable: string };

interface SameBoardsOptions extends Pick<LinkOptions, "secret" | "clock"> {
  readonly urls: readonly string[];
  readonly enroll: (id: string, record: string) => Promise<unknown>;
  readonly incident: (message: string) => void;
}

const RETRY_MS = 10_000;

export class SameBoards {
  readonly #options: SameBoardsOptions;
  readonly #same = new Set<string>();
  readonly #foreign = new Set<string>();
  readonly #reported = new Set<string>();
  readonly #stop: Cancel;

  constructor(options: SameBoardsOptions) {
    this.#options = options;
    this.#stop = every(options.clock, RETRY_MS, () => this.check().catch(() => undefined));
  }

  /** Until an upstream is known, every address may be tried. */
  mayUse(url: string): boolean {
    return this.#same.size === 0 || this.#same.has(url);
  }

  /** The store there answers through the link in use, so the address is known from now on. */
  used(url: string): void {
    this.#same.add(url);
  }

  get foreign(): readonly string[] {
    return [...this.#foreign];
  }

  /** Compares the addresses that are not known yet with the link in use. Rejects with StoreAway. */
  async check(): Promise<void> {
    const { urls, enroll } = this.#options;
    const unknown = urls.filter((url) => !this.#same.has(url));
    if (this.#same.size === 0 || unknown.length === 0) return;
    const mark = randomBytes(8).toString("hex");
    await enroll(mark, "relay");
    try {
      // All at once, because the roll soon forgets the mark, and some may not answer for a while.
      await Promise.all(unknown.map(async (url) => this.#judge(url, await this.#probe(url, mark))));
    } finally {
      await enroll(mark, "");
    }
  }

  close(): void {
    this.#stop();
  }

  #judge(url: string, probed: Probed): void {
    const { incident } = this.#options;
    if (probed === "same") {
      this.#same.add(url);
      this.#foreign.delete(url);
    } else if (probed !== "foreign") {
      if (!this.#reported.has(url))
        incident(`${url} is not used until it can be compared with the other upstreams: ${probed.unreachable}`);
      this.#reported.add(url);
    } else {
      if (!this.#foreign.has(url))
        incident(`${url} serves different boards from the other upstreams, and is not used: correct UPSTREAM_URL`);
      this.#foreign.add(url);
    }
  }

  #probe(url: string, mark: string): Promise<Probed> {
    const { secret, clock } = this.#options;
    return new Promise((done) => {
      const link = new UpstreamLink({
        url,
        secret,
        clock,
        opened: () =>
          link
            .call("enroll", [NOBODY, ""])
            .then((roll) => done(roll.some(({ id }) => id === mark) ? "same" : "foreign"))
            .catch((error: unknown) => done({ unreachable: error instanceof Error ? error.message : String(error) }))
            .finally(() => link.close("it was only compared")),
        event: () => undefined,
        closed: (unreachable) => done({ unreachable }),
      });
    });
  }
}
