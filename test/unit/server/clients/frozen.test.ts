import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PageRef } from "../../../../src/board/geometry.js";
import { FrozenCells } from "../../../../src/client/watching/frozen-cells.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import type { WriteRequest, WriteResult } from "../../../../src/protocol/events.js";
import type { Frame } from "../../../../src/server/pages/recipient.js";
import type { OffsetRange } from "../../../../src/store/frozen.js";
import { type Batch, type Committed, type PageHead, StoreAway } from "../../../../src/store/store.js";
import { modelInstance, openClient } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { promised } from "../../../support/promised.js";
import { newSession } from "../../../support/raw-client.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const SIZE = 70_000;

/** Says what is frozen; a write is refused where anything is. */
class FreezingStore extends ModelStore {
  readonly ranges = new Map<number, readonly OffsetRange[]>();
  asked = 0;
  isAway = false;

  override async heads(pages: readonly PageRef[]): Promise<(PageHead | undefined)[]> {
    this.asked++;
    if (this.isAway) throw new StoreAway("away", { sent: false });
    const heads = await super.heads(pages);
    return heads.map((head, at) => head && { ...head, frozen: this.ranges.get(pages[at]?.page ?? -1) ?? [] });
  }

  override async commit(ref: PageRef, batch: Batch): Promise<Committed> {
    const committed = await super.commit(ref, batch);
    return this.ranges.has(ref.page) ? { ...committed, outcomes: batch.writes.map(() => "frozen") } : committed;
  }
}

function start() {
  const clock = new VirtualClock();
  const store = new FreezingStore(clock);
  const instance = modelInstance({ clock, store, cells: SIZE });
  /** A client that watches the pages, and the frozen cells that it was sent. */
  const visit = async (...pages: number[]) => {
    const sent: string[] = [];
    const hear = (frame: Frame) => {
      if (frame.kind === "frozen") sent.push(`${frame.frozen.page}: ${JSON.stringify(frame.frozen.cells)}`);
    };
    const recipient = { backlogged: false, send: hear, giveUp: assert.fail };
    const client = await openClient(instance, recipient);
    const watched = client.watch({ handle: 0, pages });
    await clock.pass(100);
    await watched;
    return { client, sent };
  };
  return { clock, store, instance, visit };
}

describe("what is frozen", () => {
  test("is sent to a client that joins a page, in cells of the board, and nothing where nothing is", async () => {
    const { store, instance, visit } = start();
    store.ranges.set(1, [
      { start: 3, end: 5 },
      { start: 100, end: 65_536 },
    ]);
    const expected = [`1: [[65539,65541],[65636,${SIZE}]]`];
    assert.deepEqual((await visit(0, 1)).sent, expected);
    const { asked } = store;
    assert.deepEqual((await visit(1)).sent, expected, "known cells are sent without asking again");
    assert.equal(store.asked, asked);
    instance.close();
  });

  test("is sent again within two seconds of a change, once, to all clients that watch, also after the store was away", async () => {
    const { clock, store, instance, visit } = start();
    const [one, two, elsewhere] = [await visit(0), await visit(0), await visit(1)];
    store.ranges.set(0, [{ start: 0, end: 10 }]);
    store.isAway = true;
    await clock.pass(4_000);
    assert.deepEqual(one.sent, []);
    store.isAway = false;
    await clock.pass(2_000);
    await clock.pass(10_000);
    store.ranges.delete(0);
    await clock.pass(2_000);
    for (const { sent } of [one, two]) assert.deepEqual(sent, ["0: [[0,10]]", "0: []"]);
    assert.deepEqual(elsewhere.sent, []);
    instance.close();
  });

  test("is sent at once when it has refused a write", async () => {
    const { clock, store, instance, visit } = start();
    const [writer, other] = [await visit(0), await visit(0)];
    await clock.pass(1_000);
    store.ranges.set(0, [{ start: 7, end: 8 }]);
    const request: WriteRequest = { handle: 0, session: newSession(), seq: 1, changes: [[7, 1]] };
    const write = promised<WriteResult>((settle) => writer.client.write(request, settle));
    const refused = assert.rejects(write, (error) => error instanceof Refusal && error.code === "FROZEN");
    // The model store takes some milliseconds; the next round is half a second away.
    await clock.pass(100);
    await refused;
    for (const { sent } of [writer, other]) assert.deepEqual(sent, ["0: [[7,8]]"]);
    instance.close();
  });

  test("is asked for no page that nobody has watched for a while", async () => {
    const { clock, store, instance, visit } = start();
    const { client } = await visit(0);
    await clock.pass(10_000);
    assert.ok(store.asked >= 5);
    client.close();
    await clock.pass(11_000);
    const { asked } = store;
    await clock.pass(10_000);
    assert.equal(store.asked, asked);
    instance.close();
  });
});

describe("what a client knows to be frozen", () => {
  const frozen = (page: number, ...cells: [number, number][]) => ({ handle: 0, page, cells });

  test("is what was sent last", () => {
    const known = new FrozenCells();
    assert.equal(known.receive(frozen(0, [3, 5], [9, 10])), true);
    assert.deepEqual(
      [2, 3, 4, 5, 9, 10].map((cell) => known.has(cell)),
      [false, true, true, false, true, false],
    );
    assert.equal(known.receive(frozen(0, [3, 5], [9, 10])), false, "the same again is no change");
    assert.equal(known.receive(frozen(0)), true);
    assert.equal(known.has(3), false);
  });

  test("stays through a reconnect until the page is joined, and then is nothing unless it is sent again", () => {
    const known = new FrozenCells();
    for (const page of [0, 1]) known.receive(frozen(page, [page * 65_536, page * 65_536 + 1]));
    for (const page of [0, 1, 2]) known.asked(page);
    assert.ok(known.has(0) && known.has(65_536));
    known.receive(frozen(1, [65_536, 65_537]));
    assert.deepEqual(
      [0, 1, 2].map((page) => known.joined(page)),
      [true, false, false],
    );
    assert.deepEqual([known.has(0), known.has(65_536)], [false, true]);
  });
});
