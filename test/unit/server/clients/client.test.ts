import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { Replica } from "../../../../src/board/replica.js";
import { decodeSnapshot } from "../../../../src/protocol/codec.js";
import { decodeDelta } from "../../../../src/protocol/delta-text.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import type { Client } from "../../../../src/server/clients/client.js";
import type { Instance } from "../../../../src/server/instance/instance.js";
import type { Rate } from "../../../../src/server/limits/token-bucket.js";
import type { Frame } from "../../../../src/server/pages/recipient.js";
import { newTag } from "../../../../src/store/tag.js";
import { modelInstance, openClient } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

/** An overview takes eight of them, and an address has twenty times as many. */
const WATCHES = { perSecond: 1, burst: 16 };

interface Setting {
  readonly watches?: Rate;
  readonly watchedPagesMax?: number;
  readonly pages?: number;
}

function setUp({ pages = 2, ...limits }: Setting = {}) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const instance = modelInstance({ clock, store, cells: pages * PAGE_CELLS, ...limits });
  return { clock, store, instance };
}

/** Sums up an answer in a word. */
function outcome(asked: Promise<{ watching: unknown }> | { watching: unknown }): Promise<unknown> {
  return Promise.resolve(asked).then(
    ({ watching }) => watching,
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

describe("requests that overtake each other while the store is unavailable", () => {
  /** A client with `main` open, and the frames that it is sent. */
  async function join(instance: Instance) {
    const frames: string[] = [];
    const recipient = { backlogged: false, send: ({ kind }: Frame) => frames.push(kind), giveUp: assert.fail };
    return { client: await openClient(instance, recipient), frames };
  }

  async function commit(store: ModelStore, page: number): Promise<void> {
    const changes = packChanges([[1, 1]]);
    await store.commit({ board: "main", page }, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
  }

  test("a second watch of some of the same pages continues when the first is refused, and only its pages are watched", async () => {
    const { clock, store, instance } = setUp();
    const { client, frames } = await join(instance);
    store.available = false;
    const first = outcome(client.watch({ handle: 0, pages: [0, 1] }));
    await clock.pass(3_000);
    const second = outcome(client.watch({ handle: 0, pages: [1] }));
    await clock.pass(2_500);
    assert.equal(await first, "STORE_AWAY");
    store.available = true;
    await clock.pass(1_000);
    assert.equal(await second, 1);
    await commit(store, 0);
    await clock.pass(100);
    assert.deepEqual(frames, []);
    await commit(store, 1);
    await clock.pass(100);
    assert.deepEqual(frames, ["delta"]);
    client.close();
    instance.close();
  });

  test("both are refused when the store stays unavailable, and a later third is served", async () => {
    const { clock, store, instance } = setUp();
    const { client, frames } = await join(instance);
    store.available = false;
    const answers = [outcome(client.watch({ handle: 0, pages: [0] }))];
    await clock.pass(1_000);
    answers.push(outcome(client.watch({ handle: 0, pages: [0] })));
    await clock.pass(6_000);
    assert.deepEqual(await Promise.all(answers), ["STORE_AWAY", "STORE_AWAY"]);
    store.available = true;
    const third = outcome(client.watch({ handle: 0, pages: [0] }));
    await clock.pass(1_000);
    assert.equal(await third, 1);
    await commit(store, 0);
    await clock.pass(100);
    assert.deepEqual(frames, ["delta"]);
    client.close();
    instance.close();
  });

  test("a watch that an unwatch overtakes says how many pages are watched, and is sent nothing", async () => {
    const { clock, store, instance } = setUp();
    const { client, frames } = await join(instance);
    store.available = false;
    const watch = outcome(client.watch({ handle: 0, pages: [0] }));
    const unwatch = outcome(client.unwatch({ handle: 0, pages: [0] }));
    store.available = true;
    await clock.pass(1_000);
    assert.deepEqual([await watch, await unwatch], [0, 0]);
    await commit(store, 0);
    await clock.pass(100);
    assert.deepEqual(frames, []);
    client.close();
    instance.close();
  });

  test("an overview: the last request decides, and the answers say so", async () => {
    const { clock, store, instance } = setUp();
    const { client, frames } = await join(instance);
    const ask = (watch: boolean) => outcome(client.overview({ handle: 0, watch }));
    store.available = false;
    const first = ask(true);
    await clock.pass(3_000);
    const second = ask(true);
    await clock.pass(2_500);
    assert.equal(await first, "STORE_AWAY");
    store.available = true;
    await clock.pass(2_000);
    assert.equal(await second, true);
    assert.deepEqual(frames, ["overview"]);
    assert.equal(instance.overviews.watchers, 1);
    assert.equal(await ask(false), false);
    assert.equal(instance.overviews.watchers, 0);
    await clock.pass(20_000);
    store.available = false;
    const overtaken = ask(true);
    assert.equal(await ask(false), false);
    await clock.pass(1_000);
    store.available = true;
    await clock.pass(3_000);
    assert.equal(await overtaken, false);
    assert.deepEqual(frames, ["overview"]);
    assert.equal(instance.overviews.watchers, 0);
    client.close();
    instance.close();
  });
});

describe("a client", () => {
  test("may watch as many pages as the option says, and a request past that is refused whole", async () => {
    const { clock, instance } = setUp({ pages: 4, watchedPagesMax: 2 });
    const recipient = { backlogged: false, send: () => undefined, giveUp: assert.fail };
    const client = await openClient(instance, recipient);
    const watch = async (pages: number[]) => {
      const answer = outcome(client.watch({ handle: 0, pages }));
      await clock.pass(100);
      return answer;
    };
    assert.equal(await watch([0]), 1);
    assert.equal(await watch([1, 2]), "TOO_MANY_PAGES");
    assert.equal(await watch([3]), 2);
    client.close();
    instance.close();
  });

  test("that reads nothing while 200 pages change at once is sent nothing more, and gets everything when it reads again", async () => {
    const pages = Array.from({ length: 200 }, (_, page) => page);
    const { clock, store, instance } = setUp({ pages: pages.length });
    const replicas = pages.map((page) => new Replica(page, PAGE_CELLS));
    let frames = 0;
    const recipient = {
      backlogged: false,
      send: (frame: Frame) => {
        assert.ok(frame.kind === "delta" || frame.kind === "snapshot");
        const decoded =
          frame.kind === "delta" ? decodeDelta(frame.text) : decodeSnapshot(frame.bytes, () => PAGE_CELLS);
        assert.ok(decoded);
        assert.equal(replicas[decoded.content.page]?.receive(decoded.content), "applied");
        frames++;
      },
      giveUp: assert.fail,
    };
    const client = await openClient(instance, recipient);
    const watching = client.watch({ handle: 0, pages });
    await clock.pass(100);
    await watching;
    recipient.backlogged = true;
    for (let round = 0; round < 3; round++) {
      const changes = packChanges([[round, 1]]);
      const writes = [{ session: "", seq: 1, changes }];
      await Promise.all(pages.map((page) => store.commit({ board: "main", page }, { tag: newTag(), writes })));
      await clock.pass(1_000);
    }
    assert.equal(frames, 0);
    recipient.backlogged = false;
    await clock.pass(1_000);
    assert.equal(frames, pages.length);
    for (const page of pages) {
      assert.deepEqual(replicas[page]?.bits, store.snapshot({ board: "main", page }).bits);
    }
    client.close();
    instance.close();
  });

  test("is limited in overviews as in pages: also by its address, however many sessions that begins", async () => {
    const { clock, instance } = setUp({ watches: WATCHES });
    const recipient = { backlogged: false, send: () => undefined, giveUp: assert.fail };
    const ask = async (client: Client) => {
      const asked = client.overview({ handle: 0, watch: true }).then(
        () => "watching",
        (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
      );
      await clock.pass(0);
      return asked;
    };
    const outcomes: string[] = [];
    for (let count = 0; count < 21; count++) {
      const client = await openClient(instance, recipient);
      for (let overview = 0; overview < 2; overview++) outcomes.push(await ask(client));
    }
    assert.deepEqual(outcomes, [...Array(40).fill("watching"), "RATE_LIMITED", "RATE_LIMITED"]);
    instance.close();
  });
});
