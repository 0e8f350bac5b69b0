/* One connection of the lane at the instance: what a client sends, and the messages that it gets, on a clock of our own. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import type { CellChanges } from "../../../../src/board/steps.js";
import { readSnapshotHead } from "../../../../src/protocol/codec.js";
import * as DOWN from "../../../../src/protocol/down-kinds.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import {
  type DownMessage,
  decodeDown,
  encodeBeat,
  encodeEvent,
  encodeRequest,
  encodeWrite,
} from "../../../../src/protocol/lane.js";
import type { LastSent } from "../../../../src/protocol/lane-delta.js";
import { ANYBODY } from "../../../../src/server/access/access.js";
import { LaneConnection } from "../../../../src/server/lane/lane-connection.js";
import { Message } from "../../../../src/server/lane/message.js";
import { newTag } from "../../../../src/store/tag.js";
import { modelInstance } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { newSession } from "../../../support/raw-client.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

const HELLO = encodeRequest(0, "hello", { protocol: 2 });
const OPEN = encodeRequest(1, "open", { board: "main", protocol: 2, session: newSession() });
const WATCH_EARLY = encodeRequest(2, "watch", { board: "main", pages: [0] });
const BUFFER_BYTES_MAX = 10_000;
const NAMES = new Map<number, string>(Object.entries(DOWN).map(([name, kind]) => [kind, name]));

/** A client of one connection, which reads all that the instance sends. */
class TestClient {
  readonly connection: LaneConnection;
  /** The messages so far, as they came and decoded. */
  readonly raw: Message[] = [];
  readonly read: DownMessage[] = [];
  /** What became of the wire. */
  readonly ends: ("close" | "cut")[] = [];
  waiting = 0;
  #last: LastSent | undefined;

  constructor(instance: ReturnType<typeof modelInstance>, identify = async () => ANYBODY) {
    const isWaiting = () => this.waiting;
    const wire = {
      get waiting() {
        return isWaiting();
      },
      send: (message: Message, next?: Message) => {
        this.#hear(message);
        if (next) this.#hear(next);
      },
      close: () => this.ends.push("close"),
      cut: () => this.ends.push("cut"),
    };
    const presence = { online: 1, onlineEverywhere: 1, people: () => 1 };
    const context = { instance, presence, bufferBytesMax: BUFFER_BYTES_MAX, greeted: () => undefined };
    this.connection = new LaneConnection(context, wire, instance.admission.allowance("a"), identify);
  }

  #hear(message: Message): void {
    this.raw.push(message);
    const decoded = decodeDown(message.bytes, this.#last);
    assert.ok(decoded, "the instance sends what cannot be read");
    if (decoded.kind === "delta")
      this.#last = { handle: decoded.handle, page: decoded.delta.page, position: decoded.delta.to };
    if (decoded.kind === "snapshot") this.#last = readSnapshotHead(decoded.bytes);
    this.read.push(decoded);
  }

  send(...messages: Uint8Array[]): void {
    for (const message of messages) this.connection.receive(message);
  }

  write(seq: number, changes: CellChanges, handle = 0): void {
    this.send(encodeWrite(handle, seq, changes));
  }

  /** The kinds of the messages since the last call, by the names in the protocol. */
  kinds(): (string | undefined)[] {
    return this.raw.splice(0).map(({ bytes }) => NAMES.get(bytes[0] ?? -1));
  }

  /** The messages of one kind. */
  all<Kind extends DownMessage["kind"]>(kind: Kind): Extract<DownMessage, { readonly kind: Kind }>[] {
    return this.read.filter((it): it is Extract<DownMessage, { readonly kind: Kind }> => it.kind === kind);
  }

  /** The code in the last goodbye, or in the last notice of an error. */
  noticed(kind: "goodbye" | "error"): string | undefined {
    const payloads = this.all("event").map(({ payload }) => payload as { kind: string; error: { code: string } });
    return payloads.findLast((it) => it.kind === kind)?.error.code;
  }
}

function setUp({ pages = 2, delayMs = 0 } = {}) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  store.delayMs = { request: delayMs, answer: delayMs, news: delayMs };
  const instance = modelInstance({ clock, store, cells: pages * PAGE_CELLS });
  const commit = async (page: number, offset: number) => {
    const writes = [{ session: "", seq: 1, changes: packChanges([[offset, 1]]) }];
    const committed = store.commit({ board: "main", page }, { tag: newTag(), writes });
    await clock.pass(delayMs * 2);
    await committed;
  };
  /** A client that has opened the board and watches these pages. */
  const join = async (...watched: number[]) => {
    const client = new TestClient(instance);
    client.send(HELLO, OPEN, encodeRequest(2, "watch", { board: "main", pages: watched }));
    await clock.pass(1_000);
    client.kinds();
    return client;
  };
  return { clock, store, instance, commit, join };
}

describe("a connection of the lane", () => {
  test("answers hello, open and an early watch in one round trip, in their order", async () => {
    const { clock, instance, commit } = setUp();
    await commit(0, 5);
    const client = new TestClient(instance);
    client.send(HELLO, OPEN, WATCH_EARLY);
    assert.deepEqual(client.kinds(), []);
    await clock.pass(100);
    const kinds = client.kinds();
    assert.deepEqual(kinds.slice(0, 2), ["reply", "reply"]);
    assert.ok(["snapshot", "delta", "riceDelta"].includes(kinds[2] ?? ""), `the page comes as ${kinds[2]}`);
    assert.deepEqual(kinds.slice(3), ["reply"]);
    assert.deepEqual(
      client.all("reply").map(({ id }) => id),
      [0, 1, 2],
    );
    const [hello, opened, watched] = client.all("reply").map(({ reply }) => reply);
    assert.deepEqual(hello, {});
    assert.equal((opened as { name?: string }).name, "main");
    assert.deepEqual(watched, { watching: 1 });
    instance.close();
  });

  test("keeps what comes before the client is identified, and serves it in order after that", async () => {
    const { clock, instance } = setUp();
    let identified = () => {};
    const client = new TestClient(instance, () => new Promise((done) => (identified = () => done(ANYBODY))));
    client.send(HELLO, OPEN, WATCH_EARLY, encodeWrite(0, 1, [[3, 1]]));
    await clock.pass(100);
    assert.deepEqual(client.kinds(), []);
    identified();
    await clock.pass(100);
    assert.deepEqual(
      client.all("reply").map(({ id }) => id),
      [0, 1, 2],
    );
    assert.deepEqual(client.all("acks"), [{ kind: "acks", handle: 0, acks: [{ seq: 1, at: [[0, 1]] }] }]);
    instance.close();
  });

  test("leaves the pages that the board does not have out of an early watch, and refuses them later", async () => {
    const { clock, instance } = setUp({ pages: 1 });
    const client = new TestClient(instance);
    client.send(HELLO, OPEN, encodeRequest(2, "watch", { board: "main", pages: [0, 1, 200] }));
    client.send(encodeRequest(3, "watch", { handle: 0, pages: [1] }));
    await clock.pass(100);
    const replies = new Map(client.all("reply").map(({ id, reply }) => [id, reply]));
    assert.deepEqual(replies.get(2), { watching: 1 });
    assert.ok("error" in (replies.get(3) as object));
    instance.close();
  });

  for (const [what, first] of [
    ["is not hello", OPEN],
    ["is a write", encodeWrite(0, 1, [[1, 1]])],
  ] as const) {
    test(`ends if the first message ${what}`, async () => {
      const { clock, instance } = setUp();
      const client = new TestClient(instance);
      client.send(first, HELLO);
      assert.equal(client.noticed("goodbye"), "BAD_REQUEST");
      assert.deepEqual(client.kinds(), ["event"]);
      assert.deepEqual(client.ends, []);
      await clock.pass(300);
      assert.deepEqual(client.ends, ["cut"], "after the client could read why");
      assert.deepEqual(client.kinds(), []);
      instance.close();
    });
  }

  test("ends with the reason if the protocol is another, or the client may not enter", async () => {
    const { clock, instance } = setUp();
    const older = new TestClient(instance);
    older.send(encodeRequest(0, "hello", { protocol: 3 }));
    const stranger = new TestClient(instance, () => Promise.reject(new Refusal("UNAUTHORIZED")));
    stranger.send(HELLO, OPEN);
    instance.departures.begin();
    const late = new TestClient(instance);
    late.send(HELLO);
    await clock.pass(300);
    const clients = [older, stranger, late];
    assert.deepEqual(
      clients.map((client) => client.noticed("goodbye")),
      ["UNSUPPORTED_PROTOCOL", "UNAUTHORIZED", "GOING_AWAY"],
    );
    for (const client of clients) {
      assert.deepEqual(client.all("reply"), []);
      assert.deepEqual(client.ends, ["cut"]);
    }
    instance.close();
  });

  test("keeps only so many messages of a client that it does not know, and serves none of them after goodbye", async () => {
    const { clock, instance } = setUp();
    let identified = () => {};
    const client = new TestClient(instance, () => new Promise((done) => (identified = () => done(ANYBODY))));
    client.send(HELLO, ...Array.from({ length: 256 }, () => OPEN));
    assert.equal(client.noticed("goodbye"), undefined);
    client.send(OPEN);
    assert.equal(client.noticed("goodbye"), "BAD_REQUEST");
    identified();
    await clock.pass(300);
    assert.deepEqual(client.all("reply"), []);
    assert.deepEqual(client.ends, ["cut"]);
    instance.close();
  });

  test("keeps only so many bytes of a client that it does not know", async () => {
    const { clock, instance } = setUp();
    const client = new TestClient(instance, () => new Promise(() => undefined));
    const large = encodeRequest(3, "open", "x".repeat(40_000));
    client.send(HELLO, large, large, large);
    assert.equal(client.noticed("goodbye"), undefined);
    client.send(large);
    assert.equal(client.noticed("goodbye"), "BAD_REQUEST");
    await clock.pass(300);
    assert.deepEqual(client.ends, ["cut"]);
    instance.close();
  });

  test("holds no bytes but those of early messages, and serves none behind those that end the client", async () => {
    const { clock, store, instance } = setUp();
    let identified = () => {};
    const client = new TestClient(instance, () => new Promise((done) => (identified = () => done(ANYBODY))));
    client.send(HELLO, OPEN);
    const read = new Uint8Array(100_000);
    const write = encodeWrite(0, 1, [[3, 1]]);
    read.set(write);
    client.send(read.subarray(0, write.length));
    // The memory of what was read is used again.
    read.fill(255);
    for (let count = 0; count < 105; count++) client.send(new Uint8Array());
    client.send(encodeWrite(0, 2, [[4, 1]]));
    identified();
    await clock.pass(300);
    assert.equal(client.noticed("goodbye"), "TOO_MANY_ERRORS");
    assert.deepEqual(
      client.all("acks").map(({ acks }) => acks.map(({ seq }) => seq)),
      [[1]],
    );
    assert.equal(store.checked({ board: "main", page: 0 }), 1);
    instance.close();
  });

  test("complains about what it cannot read and about requests that there are not, and goes on", async () => {
    const { clock, instance, join } = setUp();
    const client = await join(0);
    client.send(Uint8Array.of(99));
    client.send(encodeRequest(3, "shout", {}));
    client.send(encodeRequest(4, "write", { handle: 0, session: newSession(), seq: 1, changes: [[1, 1]] }));
    assert.deepEqual(client.kinds(), ["event", "event", "event"]);
    assert.equal(client.noticed("error"), "BAD_REQUEST");
    client.write(1, [[1, 1]]);
    await clock.pass(100);
    assert.equal(client.all("acks").length, 1);
    instance.close();
  });

  test("ends a client that sends only rubbish", async () => {
    const { clock, instance, join } = setUp();
    const client = await join(0);
    for (let count = 0; count < 105; count++) client.send(new Uint8Array());
    assert.equal(client.noticed("goodbye"), "TOO_MANY_ERRORS");
    const { length } = client.read;
    client.send(new Uint8Array());
    assert.equal(client.read.length, length, "nothing is answered after that");
    await clock.pass(300);
    assert.deepEqual(client.ends, ["cut"]);
    instance.close();
  });

  test("refuses a write under its number, with the reason", async () => {
    const { clock, instance, join } = setUp();
    const client = await join(0);
    client.write(7, [[PAGE_CELLS * 2, 1]]);
    client.write(8, [[1, 1]], 5);
    await clock.pass(100);
    assert.deepEqual(
      client.all("refusal").map(({ handle, seq, error }) => [handle, seq, (error as { code: string }).code]),
      [
        [0, 7, "CELL_OUT_OF_RANGE"],
        [5, 8, "NOT_OPEN"],
      ],
    );
    assert.deepEqual(client.all("acks"), []);
    instance.close();
  });

  test("acknowledges the writes of a batch in one message, and not before the store has taken them", async () => {
    const { clock, store, instance, join } = setUp({ delayMs: 10 });
    const client = await join(0);
    for (let seq = 1; seq <= 4; seq++) client.write(seq, [[seq, 1]]);
    await clock.pass(19);
    assert.deepEqual(client.all("acks"), []);
    await clock.pass(1);
    assert.deepEqual(
      client.all("acks").map(({ acks }) => acks.map(({ seq }) => seq)),
      [[1]],
    );
    await clock.pass(30);
    assert.deepEqual(
      client.all("acks").map(({ acks }) => acks.map(({ seq }) => seq)),
      [[1], [2, 3, 4]],
    );
    assert.equal(store.checked({ board: "main", page: 0 }), 4);
    instance.close();
  });

  test("acknowledges a write over several pages once, with a version of each", async () => {
    const { clock, instance, join } = setUp();
    const client = await join(0, 1);
    client.write(1, [
      [5, 1],
      [PAGE_CELLS, 1],
    ]);
    await clock.pass(100);
    const [acks, ...others] = client.all("acks");
    assert.deepEqual(others, []);
    assert.deepEqual(acks?.acks, [
      {
        seq: 1,
        at: [
          [0, 1],
          [1, 1],
        ],
      },
    ]);
    instance.close();
  });
});

describe("a delta on the lane", () => {
  const isContinuation = (kind: string | undefined) => kind === "continuation" || kind === "riceContinuation";

  test("is a continuation only if it follows on what was sent last on the connection", async () => {
    const { clock, instance, commit, join } = setUp();
    const client = await join(0, 1);
    const next = async (page: number, offset: number) => {
      await commit(page, offset);
      await clock.pass(100);
      const kinds = client.kinds();
      assert.equal(kinds.length, 1);
      return isContinuation(kinds[0]);
    };
    assert.equal(await next(0, 1), false, "the first of the page");
    assert.equal(await next(0, 2), true);
    assert.equal(await next(0, 3), true);
    assert.equal(await next(1, 1), false, "another page");
    assert.equal(await next(0, 4), false, "back to the first");
    assert.equal(await next(0, 5), true);
    const positions = client.all("delta").map(({ delta }) => [delta.page, delta.from.version, delta.to.version]);
    assert.deepEqual(positions, [
      [0, 0, 1],
      [0, 1, 2],
      [0, 2, 3],
      [1, 0, 1],
      [0, 3, 4],
      [0, 4, 5],
    ]);
    instance.close();
  });

  test("follows on the snapshot that a client was joined with", async () => {
    const { clock, instance, store, commit } = setUp();
    for (let offset = 0; offset < 150; offset++) await commit(0, offset);
    const client = new TestClient(instance);
    client.send(HELLO, OPEN, WATCH_EARLY);
    await clock.pass(1_000);
    assert.equal(client.all("snapshot").length, 1);
    client.kinds();
    await commit(0, 200);
    await clock.pass(100);
    assert.ok(isContinuation(client.kinds()[0]));
    const [delta] = client.all("delta");
    assert.deepEqual(delta?.delta.to, store.snapshot({ board: "main", page: 0 }).position);
    instance.close();
  });

  test("is whole for a client that asks for an earlier position than the last one sent", async () => {
    const { clock, instance, commit, join } = setUp();
    const client = await join(0);
    for (const offset of [1, 2]) {
      await commit(0, offset);
      await clock.pass(100);
    }
    client.send(encodeRequest(3, "unwatch", { handle: 0, pages: [0] }));
    client.send(encodeRequest(4, "watch", { handle: 0, pages: [0] }));
    await clock.pass(100);
    const { delta } = client.all("delta").at(-1) ?? assert.fail();
    assert.deepEqual([delta.from.version, delta.to.version], [0, 2]);
    await commit(0, 3);
    await clock.pass(100);
    assert.deepEqual(client.all("delta").at(-1)?.delta.from.version, 2);
    assert.ok(isContinuation(client.kinds().at(-1)));
    instance.close();
  });

  test("is encoded at most twice for all clients: whole and as a continuation", async () => {
    const { clock, instance, commit, join } = setUp();
    const clients = [await join(0), await join(0), await join(0)];
    await commit(0, 1);
    await clock.pass(100);
    const late = [await join(0, 1), await join(0, 1)];
    await commit(1, 1);
    await clock.pass(100);
    for (const client of [...clients, ...late]) client.kinds();
    await commit(0, 2);
    await clock.pass(100);
    const messages = [...clients, ...late].map(({ raw }) => raw[0]);
    assert.equal(new Set(messages).size, 2);
    assert.equal(new Set(messages.slice(0, 3)).size, 1);
    assert.equal(new Set(messages.slice(3)).size, 1);
    instance.close();
  });
});

describe("a client of the lane that does not read", () => {
  test("is sent no frames while much waits, but its answers, and all that it missed once it reads", async () => {
    const { clock, instance, commit, join } = setUp();
    const client = await join(0);
    client.waiting = BUFFER_BYTES_MAX / 2;
    await commit(0, 1);
    await clock.pass(100);
    assert.equal(client.all("delta").length, 1, "half of the buffer is for frames");
    client.waiting++;
    await commit(0, 2);
    await commit(0, 3);
    client.write(1, [[9, 1]]);
    await clock.pass(1_000);
    assert.equal(client.all("delta").length, 1);
    assert.equal(client.all("acks").length, 1);
    client.waiting = 0;
    await clock.pass(1_000);
    const [, missed] = client.all("delta");
    assert.deepEqual([missed?.delta.from.version, missed?.delta.to.version], [1, 4]);
    assert.deepEqual(client.ends, []);
    instance.close();
  });

  test("is cut when more waits than the buffer holds", async () => {
    const { clock, instance, join } = setUp();
    const client = await join(0);
    client.waiting = BUFFER_BYTES_MAX;
    client.send(encodeRequest(3, "unwatch", { handle: 0, pages: [0] }));
    assert.deepEqual(client.ends, []);
    client.waiting++;
    client.send(encodeRequest(4, "unwatch", { handle: 0, pages: [0] }));
    assert.deepEqual(client.ends, ["cut"]);
    // Its end has not come yet. What else was read is neither served nor counted.
    client.write(1, [[1, 1]]);
    client.send(encodeRequest(5, "unwatch", { handle: 0, pages: [0] }));
    await clock.pass(300);
    assert.deepEqual(client.ends, ["cut"]);
    assert.deepEqual(client.all("acks"), []);
    assert.match(await instance.metrics.text(), /socketscaler_refusals_total\{code="TOO_SLOW"\} 1$/m);
    client.connection.close();
    const { length } = client.read;
    client.connection.notify(new Message(encodeEvent("notice", {})));
    await clock.pass(300);
    assert.equal(client.read.length, length, "nothing is sent on a connection that has ended");
    instance.close();
  });

  test("is given up with TOO_SLOW when it lags for too long", async () => {
    const { clock, instance, commit, join } = setUp();
    const client = await join(0);
    client.waiting = BUFFER_BYTES_MAX / 2 + 1;
    await commit(0, 1);
    await clock.pass(120_000);
    assert.equal(client.noticed("goodbye"), "TOO_SLOW");
    assert.deepEqual(client.ends, ["cut"]);
    instance.close();
  });
});

describe("the end of a connection of the lane", () => {
  test("has its reason once, and the watches of the client end with it", async () => {
    const { clock, instance, commit, join } = setUp();
    const client = await join(0);
    client.connection.goodbye(new Refusal("UNAUTHORIZED").toBody());
    client.connection.goodbye(new Refusal("TOO_SLOW").toBody());
    assert.deepEqual(client.kinds(), ["event"]);
    assert.equal(client.noticed("goodbye"), "UNAUTHORIZED");
    client.write(1, [[1, 1]]);
    await clock.pass(300);
    assert.deepEqual(client.ends, ["cut"]);
    assert.deepEqual(client.all("acks"), [], "what comes after goodbye is not served");
    client.connection.close();
    await commit(0, 1);
    await clock.pass(100);
    assert.deepEqual(client.kinds(), []);
    for (const hub of instance.pages.hubs()) assert.equal(hub.watchers, 0);
    instance.close();
  });

  test("comes at a drain after the requests in progress are answered, and new ones are refused", async () => {
    const { clock, instance, store, join } = setUp();
    const client = await join(0);
    store.delayMs.answer = 400;
    client.write(1, [[1, 1]]);
    const drained = instance.departures.drain(0, 5_000);
    assert.equal(client.noticed("goodbye"), "GOING_AWAY");
    await clock.pass(300);
    client.write(2, [[2, 1]]);
    await clock.pass(50);
    assert.deepEqual(client.ends, []);
    assert.deepEqual(
      client.all("refusal").map(({ seq, error }) => [seq, (error as { code: string }).code]),
      [[2, "GOING_AWAY"]],
    );
    await clock.pass(100);
    await settle();
    assert.deepEqual(
      client.all("acks").map(({ acks }) => acks[0]?.seq),
      [1],
    );
    assert.deepEqual(client.ends, ["close"]);
    client.connection.close();
    await drained;
    instance.close();
  });

  test("comes for a client that answers no beat", async () => {
    const { instance, join } = setUp();
    const client = await join(0);
    const beat = () => {
      client.connection.beat();
      return client.connection.beatAlone();
    };
    assert.equal(beat(), true);
    assert.deepEqual(client.kinds(), ["beat"]);
    client.send(encodeBeat());
    assert.deepEqual(client.kinds(), [], "an answer is not answered");
    assert.equal(beat(), true);
    assert.equal(beat(), false, "nothing came since the last");
    assert.deepEqual(client.kinds(), ["beat"]);
    client.connection.beat();
    // Any message shows that the client lives, also at the last moment.
    client.send(encodeRequest(3, "unwatch", { handle: 0, pages: [0] }));
    assert.equal(client.connection.beatAlone(), true);
    instance.close();
  });

  test("the next message takes a beat along, once", async () => {
    const { instance, join } = setUp();
    const client = await join(0);
    client.connection.beat();
    assert.deepEqual(client.kinds(), [], "it waits for a message");
    client.send(encodeRequest(3, "unwatch", { handle: 0, pages: [0] }));
    assert.deepEqual(client.kinds(), ["reply", "beat"]);
    client.connection.beatAlone();
    assert.deepEqual(client.kinds(), []);
    instance.close();
  });
});
