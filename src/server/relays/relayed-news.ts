/*
 * The news of the store for all relays: one subscription for each page and overview, however many
 * relays want it. Each piece of news is packed once.
 */

import { type PageRef, pageName } from "../../board/geometry.js";
import type { Unsubscribe } from "../../store/listeners.js";
import type { Store } from "../../store/store.js";
import { DOWN, type UpstreamEvent } from "../../store/upstream/calls.js";
import { pack } from "../../store/upstream/packed.js";

/** The link to a relay, as far as news go. */
export interface NewsTaker {
  send(message: Uint8Array): void;
}

interface Shared {
  readonly takers: Set<NewsTaker>;
  readonly live: Promise<Unsubscribe>;
}

export type Subject = { readonly page: PageRef } | { readonly overview: string } | "boards";

export class RelayedNews {
  readonly #store: Pick<Store, "subscribe" | "overview" | "boards">;
  readonly #shared = new Map<string, Shared>();

  constructor(store: Pick<Store, "subscribe" | "overview" | "boards">) {
    this.#store = store;
  }

  /** Resolves when the subscription is live. Does no harm if it is done twice. */
  async subscribe(subject: Subject, taker: NewsTaker): Promise<void> {
    const name = nameOf(subject);
    const shared = this.#shared.get(name) ?? this.#share(name, subject);
    shared.takers.add(taker);
    await shared.live;
  }

  unsubscribe(subject: Subject, taker: NewsTaker): void {
    const name = nameOf(subject);
    const shared = this.#shared.get(name);
    if (shared) this.#leave(name, shared, taker);
  }

  /** Ends all subscriptions of a link that has ended. */
  forget(taker: NewsTaker): void {
    for (const [name, shared] of this.#shared) this.#leave(name, shared, taker);
  }

  #leave(name: string, { takers, live }: Shared, taker: NewsTaker): void {
    if (!takers.delete(taker) || takers.size > 0) return;
    this.#shared.delete(name);
    live.then((unsubscribe) => unsubscribe()).catch(ignore);
  }

  #share(name: string, subject: Subject): Shared {
    const takers = new Set<NewsTaker>();
    const send = (event: UpstreamEvent) => {
      const message = pack([DOWN.event, event]);
      for (const taker of takers) taker.send(message);
    };
    const shared: Shared = { takers, live: this.#open(subject, send) };
    this.#shared.set(name, shared);
    shared.live.catch(() => {
      if (this.#shared.get(name) === shared) this.#shared.delete(name);
    });
    return shared;
  }

  #open(subject: Subject, send: (event: UpstreamEvent) => void): Promise<Unsubscribe> {
    if (subject === "boards") return this.#store.boards.subscribe(() => send({ kind: "boards" }));
    if ("overview" in subject) {
      const { overview: board } = subject;
      return this.#store.overview.subscribe(board, {
        changed: (tallies) => send({ kind: "overview", board, tallies }),
        resumed: () => send({ kind: "overviewResumed", board }),
      });
    }
    const { page } = subject;
    return this.#store.subscribe(page, {
      delta: (delta, claims) => {
        const event = { kind: "delta", board: page.board, delta } as const;
        send(claims ? { ...event, claims } : event);
      },
      resumed: () => send({ kind: "resumed", page }),
    });
  }
}

function nameOf(subject: Subject): string {
  if (subject === "boards") return subject;
  return "page" in subject ? `page ${pageName(subject.page)}` : `overview ${subject.overview}`;
}

function ignore(): void {}
