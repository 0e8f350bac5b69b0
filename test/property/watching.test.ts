/*
 * Storms of watching and unwatching, in any order, overtaking each other. Clients also leave in the
 * middle, and the store may be unavailable. No other client misses anything, the answer to a
 * client's last request for a page is true, and when all have left nothing is held.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import { decodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta } from "../../src/protocol/delta-text.js";
import { Refusal } from "../../src/protocol/errors.js";
import type { Frame, Recipient } from "../../src/server/pages/recipient.js";
import { StoreAway } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { modelInstance, openClient } from "../support/model-instance.js";
import { ModelStore } from "../support/model-store.js";
import { VirtualClock } from "../support/virtual-clock.js";

const PAGES = 4;
const STEADY_PAGES = [0, 1];

/** A client that lags for a minute is given up. Here all read again before, with room to spare. */
const LAGGED_MS_MAX = 50_000;

class Viewer implements Recipient {
  readonly replicas = Array.from({ length: PAGES }, (_, page) => new Replica(page, PAGE_CELLS));
  /** The last request for the page, or for the overview: whether it was a watch, and accepted. */
  readonly last = new Map<number | "overview", Promise<boolean>>();
  /** Frames of each page. */
  readonly frames = Array.from({ length: PAGES }, () => 0);
  backlogged = false;
  #laggedMs = 0;

  send(frame: Frame): void {
    if (frame.kind === "overview" || frame.kind === "counts") return;
    assert.ok(frame.kind === "delta" || frame.kind === "snapshot");
    const decoded = frame.kind === "delta" ? decodeDelta(frame.text) : decodeSnapshot(frame.bytes, () => PAGE_CELLS);
    assert.ok(decoded);
    const { page } = decoded.content;
    this.frames[page] = (this.frames[page] ?? 0) + 1;
    assert.notEqual(this.replicas[page]?.receive(decoded.content), "gap");
  }

  giveUp(): void {
    assert.fail("given up");
  }

  /** So much time is about to pass. */
  pass(ms: number): void {
    this.#laggedMs = this.backlogged ? this.#laggedMs + ms : 0;
    if (this.#laggedMs > LAGGED_MS_MAX) this.backlogged = false;
  }
}

function setUp(seed: number) {
  const clock = new VirtualClock(seed);
  const store = new ModelStore(clock);
  store.delayMs = { request: 3, answer: 5, news: 4 };
  const instance = modelInstance({ clock, store, cells: PAGES * PAGE_CELLS });
  const join = (viewer: Viewer) => openClient(instance, viewer);
  return { clock, store, instance, join };
}

/** Whether the request was a watch, and was accepted. */
async function isAccepted(asked: Promise<unknown> | object, isWatch: boolean): Promise<boolean> {
  try {
    await asked;
    return isWatch;
  } catch (error) {
    assert.ok(error instanceof Refusal && error.code === "STORE_AWAY", String(error));
    return false;
  }
}

const pages = fc.uniqueArray(fc.nat(PAGES - 1), { minLength: 1 });
const who = fc.nat(2);
const action = fc.oneof(
  fc.record({ kind: fc.constant("watch" as const), who, pages }),
  fc.record({ kind: fc.constant("unwatch" as const), who, pages }),
  fc.record({ kind: fc.constant("overview" as const), who, watch: fc.boolean() }),
  fc.record({ kind: fc.constant("away" as const) }),
  fc.record({ kind: fc.constant("leave" as const), who }),
  fc.record({ kind: fc.constant("lag" as const), who }),
  fc.record({ kind: fc.constant("commit" as const), page: fc.nat(PAGES - 1), offset: fc.nat(200) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.oneof(fc.nat(30), fc.nat(4_000), fc.constant(11_000)) }),
);

const storm = fc.array(action, { minLength: 20, maxLength: 60 });

describe("watching and unwatching at random", () => {
  test("takes nothing from another client, and leaves no hold, hub or subscription behind", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.boolean(), storm, async (seed, isAvailable, actions) => {
        const { clock, store, instance, join } = setUp(seed);
        const steady = new Viewer();
        const watcher = await join(steady);
        // The other pages are cold, so that a watch of them waits while the store is unavailable.
        const watching = watcher.watch({ handle: 0, pages: STEADY_PAGES });
        await clock.pass(100);
        await watching;
        store.available = isAvailable;
        const viewers = [new Viewer(), new Viewer(), new Viewer()];
        const clients = await Promise.all(viewers.map(join));
        const answers: Promise<unknown>[] = [];
        for (const next of actions) {
          if (next.kind === "pass") {
            for (const viewer of viewers) viewer.pass(next.ms);
            await clock.pass(next.ms);
          } else if (next.kind === "commit") {
            const changes = packChanges([
              [next.offset, seed & 1 ? 1 : 0],
              [next.offset + 1, 1],
            ]);
            const page = { board: "main", page: next.page };
            const commit = store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
            answers.push(commit.catch((error: unknown) => assert.ok(error instanceof StoreAway)));
          } else if (next.kind === "away") {
            store.available = !store.available;
          } else if (next.kind === "leave") {
            clients[next.who]?.close();
            const viewer = new Viewer();
            viewers[next.who] = viewer;
            clients[next.who] = await join(viewer);
          } else if (next.kind === "lag") {
            const viewer = viewers[next.who];
            if (viewer) viewer.backlogged = !viewer.backlogged;
          } else {
            const [client, viewer] = [clients[next.who], viewers[next.who]];
            if (!client || !viewer) continue;
            // Not awaited: the next request overtakes it.
            if (next.kind === "overview") {
              const asked = client.overview({ handle: 0, watch: next.watch });
              const accepted = isAccepted(asked, next.watch);
              viewer.last.set("overview", accepted);
              answers.push(accepted);
            } else {
              const wanted = next.pages.map((page) => {
                const { version, tag } = viewer.replicas[page]?.position ?? { version: 0, tag: "" };
                return [page, `${version}.${tag}`];
              });
              const asked =
                next.kind === "watch"
                  ? client.watch({ handle: 0, pages: wanted })
                  : client.unwatch({ handle: 0, pages: next.pages });
              const accepted = isAccepted(asked, next.kind === "watch");
              for (const page of next.pages) viewer.last.set(page, accepted);
              answers.push(accepted);
            }
          }
        }
        await clock.pass(6_000);
        store.available = true;
        for (const viewer of viewers) viewer.backlogged = false;
        await clock.pass(8_000);
        await Promise.all(answers);
        const framesBefore = viewers.map(({ frames }) => [...frames]);
        for (let page = 0; page < PAGES; page++) {
          // Of a cell that is never set else.
          const changes = packChanges([[300, 1]]);
          const written = store.commit(
            { board: "main", page },
            { tag: newTag(), writes: [{ session: "", seq: 1, changes }] },
          );
          await clock.pass(3_000);
          await written;
        }
        let overviewWatchers = 0;
        for (const [index, { last, frames, replicas }] of viewers.entries()) {
          for (const [page, count] of frames.entries()) {
            const isWatched = (await last.get(page)) ?? false;
            assert.equal(count > (framesBefore[index]?.[page] ?? 0), isWatched, `client ${index}, page ${page}`);
            if (isWatched) assert.deepEqual(replicas[page]?.bits, store.snapshot({ board: "main", page }).bits);
          }
          if (await last.get("overview")) overviewWatchers++;
        }
        assert.equal(instance.overviews.watchers, overviewWatchers);
        for (const page of STEADY_PAGES) {
          const stored = store.snapshot({ board: "main", page });
          assert.deepEqual(steady.replicas[page]?.position, stored.position);
          assert.deepEqual(steady.replicas[page]?.bits, stored.bits);
        }
        for (const client of [...clients, watcher]) client.close();
        for (const hub of instance.pages.hubs()) assert.equal(hub.watchers, 0);
        await clock.pass(11_000);
        assert.equal(instance.pages.size, 0, "pages are held");
        assert.equal(store.subscriptions, 0, "subscriptions are left");
        instance.close();
      }),
      { numRuns: 150 },
    );
  });
});
