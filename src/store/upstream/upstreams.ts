/*
 * Keeps a link to one of several upstreams: instances that serve the same boards. If the link ends,
 * or its upstream says goodbye or has lost its store, the next address is tried, and so on in turn.
 * An old link is used until there is a better one, as long as it works.
 */

import { backOffMs, type Cancel, type Clock } from "../../protocol/clock.js";
import { StoreAway } from "../store.js";
import type { ArgsOf, CallName, PartOf, ResultOf, UpstreamEvent, Welcome } from "./calls.js";
import { UpstreamLink } from "./upstream-link.js";

interface UpstreamsOptions {
  /** Addresses of lanes, as `ws:` or `wss:`, without passwords. */
  readonly urls: readonly string[];
  readonly secret: string;
  readonly clock: Clock;
  readonly mayUse: (url: string) => boolean;
  readonly listener: UpstreamsListener;
}

/** Must not throw. */
interface UpstreamsListener {
  /** A new link is in use from now on. Subscriptions of the old one are gone. */
  opened(url: string, welcome: Welcome): void;
  event(url: string, event: UpstreamEvent): void;
  lost(): void;
  failure(): void;
  incident(message: string): void;
}

const RETRY_MS = { first: 50, most: 1_000 };
/** A link that ends sooner counts as a failed attempt, so that the next one waits. */
const STEADY_MS = 1_000;

export class Upstreams {
  readonly #options: UpstreamsOptions;
  #link: UpstreamLink | undefined;
  /** The link that is about to replace it. */
  #next: UpstreamLink | undefined;
  /** Of the next attempt, or, while a link is young, of calling it steady. */
  #cancelTimer: Cancel | undefined;
  /** Index of the address to try next. */
  #turn = 0;
  #attempts = 0;
  /** Whether another link should replace the one in use. */
  #isLeaving = false;
  /** Whether the store of the upstream in use answers. */
  #hasStore = true;
  #isClosed = false;

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#connect();
  }

  /** Rejects as the store contract says. */
  call<Name extends CallName>(
    name: Name,
    args: ArgsOf<Name>,
    part?: (part: PartOf<Name>) => void,
  ): Promise<ResultOf<Name>> {
    if (this.#link) return this.#link.call(name, args, part);
    return Promise.reject(new StoreAway("there is no connection to an upstream", { sent: false }));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#next?.close("the relay is shutting down");
    this.#link?.close("the relay is shutting down");
  }

  #connect(): void {
    if (this.#isClosed || this.#next || (this.#link && !this.#isLeaving)) return;
    const { secret, clock, listener, mayUse } = this.#options;
    const urls = this.#options.urls.filter(mayUse);
    const url = urls[this.#turn++ % urls.length] ?? "";
    let isOpened = false;
    const link = new UpstreamLink({
      url,
      secret,
      clock,
      opened: (welcome) => {
        const old = this.#link;
        if (old && !welcome.isAvailable) return link.close("its store does not answer either");
        isOpened = true;
        this.#next = undefined;
        this.#link = link;
        this.#cancelTimer?.();
        this.#cancelTimer = clock.after(STEADY_MS, () => {
          this.#attempts = 0;
        });
        this.#isLeaving = false;
        const hadStore = this.#hasStore;
        this.#hasStore = welcome.isAvailable;
        listener.opened(url, welcome);
        // Calls that wait for a store are made again here at once.
        if (hadStore) old?.retire();
        else old?.close("its store does not answer");
        if (!welcome.isAvailable) this.#leave();
      },
      event: (event) => {
        // The new link delivers the same news as the one that it replaced.
        if (link !== this.#link) return;
        if (event.kind === "goodbye") return this.#leave();
        listener.event(url, event);
        if (event.kind !== "available") return;
        this.#hasStore = event.isAvailable;
        if (!event.isAvailable) return this.#leave();
        this.#isLeaving = false;
        this.#attempts = 0;
      },
      closed: (reason) => {
        const wasUsed = link === this.#link;
        if (link === this.#next) this.#next = undefined;
        if (wasUsed) this.#link = undefined;
        if (this.#isClosed || (isOpened && !wasUsed)) return;
        listener.failure();
        if (wasUsed) {
          listener.incident(`the link to ${url} ended: ${reason}`);
          listener.lost();
        } else if (!this.#link && this.#attempts === urls.length - 1)
          listener.incident(`no upstream can be used. The last one tried was ${url}: ${reason}`);
        this.#retry();
      },
    });
    this.#next = link;
  }

  #leave(): void {
    this.#isLeaving = true;
    this.#connect();
  }

  /** The first round over all addresses is quick. */
  #retry(): void {
    const { clock, urls } = this.#options;
    const rounds = Math.floor(this.#attempts++ / urls.length);
    const waitMs = rounds === 0 ? 0 : backOffMs(clock, rounds, RETRY_MS.first, RETRY_MS.most);
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(waitMs, () => this.#connect());
  }
}
