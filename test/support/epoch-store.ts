/*
 * The negative control of the fork test: a store whose positions are made of version and epoch
 * alone, as systems do that number the messages of a channel and give the channel an epoch. The
 * epoch is an ordinary key beside the others: drawn once, and replicated with them. All else is the
 * real store underneath.
 *
 *     since(version, epoch)   another epoch: a snapshot · the same version: nothing is missing · else the log's deltas
 *
 * It is a fair control: whatever the epoch can tell, it does tell.
 */

import type { Delta, Snapshot } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import type { Position } from "../../src/board/position.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import type { Batch, Committed, PageHead, Since, SubscriptionListener } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import type { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { DelegateStore } from "./delegate-store.js";

export class EpochStore extends DelegateStore<ValkeyStore> {
  override async commit(page: PageRef, batch: Batch): Promise<Committed> {
    const committed = await this.store.commit(page, batch);
    return { ...committed, position: { ...committed.position, tag: await this.#epoch(page) } };
  }

  override async read(page: PageRef): Promise<Snapshot> {
    const snapshot = await this.store.read(page);
    return { ...snapshot, position: { ...snapshot.position, tag: await this.#epoch(page) } };
  }

  override async since(page: PageRef, position: Position): Promise<Since> {
    const epoch = await this.#epoch(page);
    const [head] = await this.store.heads([page]);
    if (position.tag !== epoch || !head || head.position.version < position.version) return this.read(page);
    if (head.position.version === position.version) return { kind: "deltas", deltas: [] };
    const answer = await this.store.since(page, { ...position, tag: await this.#tagAt(page, position.version) });
    if (answer.kind === "snapshot") return { ...answer, position: { ...answer.position, tag: epoch } };
    return { kind: "deltas", deltas: answer.deltas.map((delta) => withEpoch(delta, epoch)) };
  }

  override async subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    const epoch = await this.#epoch(page);
    return this.store.subscribe(page, {
      delta: (delta) => listener.delta(withEpoch(delta, epoch)),
      resumed: () => listener.resumed(),
    });
  }

  override async heads(pages: readonly PageRef[]): Promise<(PageHead | undefined)[]> {
    const heads = await this.store.heads(pages);
    const epochs = await Promise.all(pages.map((page) => this.#epoch(page)));
    return heads.map((head, index) => {
      const tag = epochs[index];
      return head && tag !== undefined ? { ...head, position: { ...head.position, tag } } : head;
    });
  }

  /** Draws the page's epoch where it has none yet. */
  async #epoch(page: PageRef): Promise<string> {
    const key = `ss:{${pageName(page)}}:epoch`;
    const known = await this.store.command(key, "GET", key);
    if (known !== null) return String(known);
    await this.store.command(key, "SET", key, newTag(), "NX");
    return String(await this.store.command(key, "GET", key));
  }

  /** The real tag under a version, which the real log asks for. */
  async #tagAt(page: PageRef, version: number): Promise<string> {
    const next = `${version + 1}-0`;
    const log = `ss:{${pageName(page)}}:log`;
    const entries = await this.store.command(log, "XRANGE", log, next, next);
    const [[, [, tag = ""] = []] = []] = entries as [id: string, fields: string[]][];
    return tag;
  }
}

function withEpoch(delta: Delta, epoch: string): Delta {
  return { ...delta, from: { ...delta.from, tag: epoch }, to: { ...delta.to, tag: epoch } };
}
