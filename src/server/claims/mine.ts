/*
 * The cells that belong to each watcher of a page, on boards with claims. A watcher is sent its own
 * cells when it joins a page, and each change of them. Nobody is sent the cells of others.
 */

import { cellAt } from "../../board/geometry.js";
import type { Clock } from "../../protocol/clock.js";
import type { Mine as MineMessage } from "../../protocol/events.js";
import type { Store } from "../../store/store.js";
import type { Hub } from "../pages/hub.js";
import type { Recipient } from "../pages/recipient.js";
import { type Owned, type OwnedChange, PageOwners } from "./page-owners.js";

/** The watchers of one page who want to know what is theirs. */
interface Watched {
  readonly owners: PageOwners;
  readonly watchers: Map<Recipient, string>;
  readonly stop: () => void;
}

export class Mine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  readonly #watched = new Map<Hub, Watched>();

  constructor(store: Store, clock: Clock, failed: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Sends a watcher of the page its cells, now and whenever they change, until it leaves. */
  async join(hub: Hub, owner: string, recipient: Recipient): Promise<void> {
    // It has left before it was a member, and would never leave again.
    if (!hub.isWatchedBy(recipient)) return;
    const watched = this.#watched.get(hub) ?? this.#open(hub);
    watched.watchers.set(recipient, owner);
    await watched.owners.ready;
    if (watched.watchers.get(recipient) !== owner) return;
    this.#sendAll(hub, watched.owners, recipient, owner);
  }

  /** Call it from time to time, so that no hold outlives its end. */
  checkEnds(): void {
    for (const { owners } of this.#watched.values()) owners.checkEnds();
  }

  close(): void {
    for (const { owners, stop } of this.#watched.values()) {
      stop();
      owners.close();
    }
    this.#watched.clear();
  }

  #open(hub: Hub): Watched {
    const watchers = new Map<Recipient, string>();
    const owners: PageOwners = new PageOwners(hub.follower, this.#store, this.#clock, {
      changed: (changes) => this.#changed(hub, watchers, owners.version, changes),
      // A client knows its own claim before its instance does, which may have missed how it ended.
      reread: () => {
        for (const [recipient, owner] of watchers) this.#sendAll(hub, owners, recipient, owner);
      },
      failed: this.#failed,
    });
    const left = (recipient: Recipient) => {
      if (!watchers.delete(recipient) || watchers.size > 0) return;
      stop();
      owners.close();
      this.#watched.delete(hub);
    };
    const stop = hub.observe({ left });
    const watched = { owners, watchers, stop };
    this.#watched.set(hub, watched);
    return watched;
  }

  #changed(hub: Hub, watchers: ReadonlyMap<Recipient, string>, version: number, changes: readonly OwnedChange[]): void {
    const page = hub.follower.ref.page;
    /** Owner -> offset -> what the owner has there now. A cell may change more than once. */
    const concerned = new Map<string, Map<number, Owned | undefined>>();
    const of = (owner: string) => {
      const found = concerned.get(owner) ?? new Map<number, Owned | undefined>();
      concerned.set(owner, found);
      return found;
    };
    for (const { offset, before, now } of changes) {
      if (before) of(before.owner).set(offset, undefined);
      if (now) of(now.owner).set(offset, now);
    }
    for (const [recipient, owner] of watchers) {
      const theirs = concerned.get(owner);
      if (!theirs) continue;
      const owned = Array.from(theirs).flatMap(([offset, now]) => (now ? [[offset, now] as const] : []));
      const gone = Array.from(theirs).flatMap(([offset, now]) => (now ? [] : cellAt(page, offset)));
      this.#send(hub, recipient, { version, cells: this.#cells(hub, owned), gone });
    }
  }

  #sendAll(hub: Hub, owners: PageOwners, recipient: Recipient, owner: string): void {
    this.#send(hub, recipient, { version: owners.version, cells: this.#cells(hub, owners.of(owner)) });
  }

  #cells(hub: Hub, owned: readonly (readonly [offset: number, owned: Owned])[]): MineMessage["cells"] {
    const now = this.#clock.now();
    return owned.map(([offset, { endMs }]) => [
      cellAt(hub.follower.ref.page, offset),
      endMs === undefined ? null : Math.max(0, Math.round(endMs - now)),
    ]);
  }

  #send(hub: Hub, recipient: Recipient, mine: Omit<MineMessage, "handle" | "page">): void {
    recipient.send({ kind: "mine", mine: { handle: hub.handle, page: hub.follower.ref.page, ...mine } });
  }
}
