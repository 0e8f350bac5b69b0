/* The teaching protocol below its sockets: writes that are made again, and changes at the pace of each client. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../../src/board/delta.js";
import { offsetOf, PAGE_CELLS, pageOf } from "../../../../../src/board/geometry.js";
import type { CheckboxUpdate } from "../../../../../src/protocol/events.js";
import { ANYBODY } from "../../../../../src/server/access/access.js";
import type { Frame } from "../../../../../src/server/pages/recipient.js";
import type { PacedRecipient } from "../../../../../src/server/sockets/teaching/paced-fan-out.js";
import { readState, Teaching } from "../../../../../src/server/sockets/teaching/teaching.js";
import { StoreAway } from "../../../../../src/store/store.js";
import { newTag } from "../../../../../src/store/tag.js";
import { modelInstance } from "../../../../support/model-instance.js";
import { ModelStore } from "../../../../support/model-store.js";
import { mulberry } from "../../../../support/random.js";
import { VirtualClock } from "../../../../support/virtual-clock.js";

function setUp(size: number) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const instance = modelInstance({ clock, store, cells: size });
  return { clock, store, instance, teaching: new Teaching(instance) };
}

describe("writes of a teaching client", () => {
  test("any number sent at once are all acknowledged, in order and once, however many answers of the store are lost", async () => {
    for (const count of [33, 34, 60, 400]) {
      const { clock, store, instance, teaching } = setUp(1_000);
      store.delayMs = { request: 5, answer: 5, news: 0 };
      const commit = store.commit.bind(store);
      let attempts = 0;
      // The first answer to every batch is lost.
      store.commit = async (page, batch) => {
        const committed = await commit(page, batch);
        if (attempts++ % 2 === 0) throw new StoreAway("the answer was lost", { sent: true });
        return committed;
      };
      const write = teaching.writer("a", ANYBODY);
      // Each cell is checked and, at the end, the first one is cleared again.
      const updates = Array.from({ length: count }, (_, index) => ({ index, value: true }));
      const written = Promise.allSettled([...updates, { index: 0, value: false }].map(write));
      await clock.pass(2_000);
      for (const answer of await written) assert.equal(answer.status, "fulfilled", `${count}: ${answer.status}`);
      assert.equal(store.checked({ board: "main", page: 0 }), count - 1);
      instance.close();
    }
  });
});

describe("changes sent to teaching clients", () => {
  const CELLS = 70_000;
  const PAGE_ONE = PAGE_CELLS;
  /** Updates that may be on their way to a client, of which the last frame may have begun one short of that. */
  const UNREAD_MAX = 512 + 71;

  /** Knows at once what it is sent, and has it on its way until `read`. */
  class Viewer implements PacedRecipient {
    readonly cells: boolean[];
    readonly updates: CheckboxUpdate[] = [];
    mostUnread = 0;
    frames = 0;
    /** Whether much of another kind waits to be sent to it, such as messages. */
    backlogged = false;
    #read = 0;
    readonly #waiting: { readonly at: number; readonly read: () => void }[] = [];

    constructor(cells: boolean[]) {
      this.cells = cells;
    }

    send(frame: Frame): void {
      assert.ok(frame.kind === "updates");
      assert.ok(!this.backlogged, "more was sent on top of what waits");
      this.frames++;
      for (const { index, value } of frame.updates) {
        this.cells[index] = value;
        this.updates.push({ index, value });
      }
      this.mostUnread = Math.max(this.mostUnread, this.updates.length - this.#read);
    }

    whenRead(read: () => void): void {
      this.#waiting.push({ at: this.updates.length, read });
      assert.equal(this.#waiting.length, 1, "asked again without an answer");
    }

    read(updates: number): void {
      this.#read = Math.min(this.updates.length, this.#read + updates);
      const [first] = this.#waiting;
      if (!first || first.at > this.#read || this.backlogged) return;
      this.#waiting.shift();
      first.read();
    }

    giveUp(): void {
      assert.fail("given up");
    }
  }

  async function following(size: number) {
    const setting = setUp(size);
    const { store, instance, teaching, clock } = setting;
    const state = () => readState(instance, teaching.board());
    const join = async () => {
      const viewer = new Viewer(await state());
      return { viewer, leave: teaching.join(viewer) };
    };
    const bits = (value: 0 | 255) => new Uint8Array(8_192).fill(value);
    const replaceAll = async (value: 0 | 255) => {
      for (let page = 0; page * PAGE_CELLS < size; page++) {
        await store.replace({ board: "main", page }, newTag(), bits(value));
      }
    };
    const set = (cell: number, value: 0 | 1) => {
      const changes = packChanges([[offsetOf(cell), value]]);
      return store.commit(
        { board: "main", page: pageOf(cell) },
        { tag: newTag(), writes: [{ session: "", seq: 1, changes }] },
      );
    };
    await clock.pass(10);
    return { ...setting, state, join, replaceAll, set };
  }

  test("a small change is one frame for all, each changed cell once, also one that is back to what it was", async () => {
    const { clock, join, set, instance } = await following(CELLS);
    const [one, other] = [await join(), await join()];
    await clock.pass(100);
    await set(3, 1);
    await clock.pass(0);
    const before = one.viewer.frames;
    await set(PAGE_ONE + 1, 1);
    await set(PAGE_ONE + 1, 0);
    await set(3, 0);
    await clock.pass(100);
    assert.equal(before, 1);
    for (const { viewer } of [one, other]) {
      assert.deepEqual(viewer.updates.filter(({ index }) => index === PAGE_ONE + 1).at(-1), {
        index: PAGE_ONE + 1,
        value: false,
      });
      assert.deepEqual(viewer.updates[0], { index: 3, value: true });
      assert.equal(viewer.cells.filter(Boolean).length, 0);
    }
    one.leave();
    other.leave();
    instance.close();
  });

  test("after any change of the whole board every client is sent each cell, at the pace at which it reads", async () => {
    const { clock, join, replaceAll, set, state, instance } = await following(CELLS);
    const clients = await Promise.all([join(), join(), join()]);
    const [quick, slow, deaf] = clients.map(({ viewer }) => viewer);
    assert.ok(quick && slow && deaf);
    await clock.pass(100);
    await replaceAll(255);
    const pass = async (ms: number, ...reading: Viewer[]) => {
      for (let passed = 0; passed < ms; passed += 10) {
        await clock.pass(10);
        for (const viewer of reading) viewer.read(100);
        quick.read(CELLS);
      }
    };
    await pass(200, slow);
    await replaceAll(0);
    await pass(100, slow);
    await set(7, 1);
    await pass(20_000, slow);
    assert.deepEqual(quick.cells, await state());
    assert.deepEqual(slow.cells, await state());
    await pass(20_000, deaf);
    assert.deepEqual(deaf.cells, await state());
    // It had not been sent most cells when they were back to what it knew: each was sent once, with its last value.
    assert.ok(deaf.updates.length < 1.2 * CELLS, `${deaf.updates.length} updates`);
    for (const { viewer, leave } of clients) {
      assert.ok(viewer.mostUnread <= UNREAD_MAX, `${viewer.mostUnread} updates were on their way`);
      leave();
    }
    instance.close();
  });

  test("endless small changes are paced as well, and a client that left is sent nothing more", async () => {
    const { clock, join, set, instance } = await following(CELLS);
    const [deaf, leaving, quick] = [await join(), await join(), await join()];
    await clock.pass(100);
    for (let cell = 0; cell < 3_000; cell++) {
      await set(cell, 1);
      await clock.pass(1);
      quick.viewer.read(10);
      if (cell === 1_000) leaving.leave();
      if (cell === 2_000) deaf.viewer.backlogged = true;
    }
    await clock.pass(1_000);
    assert.equal(quick.viewer.updates.length, 3_000);
    assert.ok(deaf.viewer.updates.length <= UNREAD_MAX, `${deaf.viewer.updates.length} updates on their way`);
    leaving.viewer.read(CELLS);
    await clock.pass(100);
    assert.ok(leaving.viewer.updates.length <= UNREAD_MAX);
    deaf.viewer.backlogged = false;
    for (let count = 0; count < 100; count++) {
      deaf.viewer.read(CELLS);
      await clock.pass(1);
    }
    assert.equal(deaf.viewer.cells.filter(Boolean).length, 3_000);
    deaf.leave();
    quick.leave();
    await clock.pass(20_000);
    assert.equal(instance.pages.size, 0);
    instance.close();
  });

  test("whatever changes and however each client reads, all end at the state, even those that read it midway", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { clock, join, replaceAll, set, state, instance } = await following(2_000);
      const random = mulberry(seed);
      const below = (bound: number) => Math.floor(random() * bound);
      const clients = await Promise.all(Array.from({ length: 4 }, () => join()));
      await clock.pass(100);
      for (let step = 0; step < 250; step++) {
        const chance = random();
        if (chance < 0.5) await set(below(40), random() < 0.5 ? 1 : 0);
        else if (chance < 0.56) await replaceAll(random() < 0.5 ? 0 : 255);
        else if (chance < 0.62) {
          // As a page does that reads GET /state when it has connected.
          const client = clients[below(clients.length)];
          if (client) client.viewer.cells.splice(0, 2_000, ...(await state()));
        } else if (chance < 0.66) {
          const [leaving] = clients.splice(below(clients.length), 1, await join());
          leaving?.leave();
        } else await clock.pass(below(10));
        clients.forEach(({ viewer }, index) => {
          if (chance < 0.05) viewer.backlogged = !viewer.backlogged;
          viewer.read(below(1 + 40 * index));
        });
      }
      for (const { viewer } of clients) viewer.backlogged = false;
      for (let ms = 0; ms < 1_000; ms++) {
        await clock.pass(1);
        for (const { viewer } of clients) viewer.read(100);
      }
      const expected = await state();
      for (const [index, { viewer, leave }] of clients.entries()) {
        assert.deepEqual(viewer.cells, expected, `seed ${seed}, client ${index}`);
        assert.ok(viewer.mostUnread <= UNREAD_MAX, `${viewer.mostUnread} updates were on their way`);
        leave();
      }
      instance.close();
    }
  });
});
