/* The client's end of a connection of the lane, over a wire that a test writes to by hand. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { LaneLink } from "../../../../src/client/links/lane-link.js";
import type { LinkListener } from "../../../../src/client/links/link.js";
import { encodeSnapshot } from "../../../../src/protocol/codec.js";
import * as DOWN from "../../../../src/protocol/down-kinds.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import {
  BEAT_MS,
  decodeUp,
  encodeAcks,
  encodeEvent,
  encodeFramed,
  encodeRefusal,
  encodeReply,
  SILENT_MS_MAX,
  type UpMessage,
} from "../../../../src/protocol/lane.js";
import { LaneDelta } from "../../../../src/protocol/lane-delta.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

const SESSION = "A".repeat(22);
const TAGS = ["AAAAAAAA", "BBBBBBBB", "CCCCCCCC", "DDDDDDDD"];
const BEAT = Uint8Array.of(DOWN.beat);

function positionAt(version: number) {
  return { version, tag: TAGS[version] ?? "" };
}

/** The delta of page 1 of board 0 from `version` to the next. */
function deltaFrom(version: number): LaneDelta {
  const changes = packChanges([[version, 1]]);
  return new LaneDelta(0, { kind: "delta", page: 1, from: positionAt(version), to: positionAt(version + 1), changes });
}

function snapshotAt(version: number, page = 1): Uint8Array {
  const snapshot = { kind: "snapshot", page, position: positionAt(version), bits: new Uint8Array(8) } as const;
  return encodeFramed("snapshot", encodeSnapshot(0, snapshot));
}

function setUp(getToken?: () => Promise<string | undefined>) {
  const clock = new VirtualClock();
  const sent: UpMessage[] = [];
  let closes = 0;
  /** What the link reports, in order. */
  const heard: unknown[] = [];
  const wire = {
    send: (bytes: Uint8Array) => {
      const message = decodeUp(bytes);
      assert.ok(message, "the client sends what cannot be read");
      sent.push(message);
    },
    close: () => {
      closes++;
    },
  };
  const listener: LinkListener = {
    through: () => heard.push("through"),
    asked: () => heard.push("asked"),
    opened: () => heard.push("opened"),
    up: () => heard.push("up"),
    over: (reason) => heard.push(["over", reason?.code]),
    delta: (framed) => {
      const { from, to } = framed?.content ?? {};
      heard.push(
        framed ? `delta of ${framed.content.page}: ${from?.version}${from?.tag} ${to?.version}${to?.tag}` : "gap",
      );
    },
    snapshot: (bytes) => heard.push(`snapshot of ${bytes.length} bytes`),
    overview: (bytes) => heard.push(["overview", ...bytes]),
    counts: (bytes) => heard.push(["counts", ...bytes]),
    looking: (looking) => heard.push(["looking", looking]),
    frozen: (frozen) => heard.push(["frozen", frozen]),
    resized: (resized) => heard.push(["resized", resized]),
    mine: (mine) => heard.push(["mine", mine]),
    notice: ({ kind }) => heard.push(["notice", kind]),
    received: (bytes) => heard.push(bytes),
  };
  const link = new LaneLink(wire, { clock, listener, getToken });
  const open = () => link.opened();
  return { clock, link, open, sent, heard, closes: () => closes };
}

/** A link that the instance has let in, with nothing reported so far. */
function enter() {
  const all = setUp();
  all.open();
  all.link.receive(encodeReply(0, {}));
  all.sent.length = 0;
  all.heard.length = 0;
  return all;
}

describe("a link over the lane", () => {
  test("says hello first, and takes requests right behind it, before the instance has answered", () => {
    const { link, open, sent, heard } = setUp();
    open();
    assert.deepEqual(heard, ["through", "asked", "opened"]);
    link.request("open", { board: "main", protocol: 2, session: SESSION }, () => heard.push("open answered"));
    link.request("watch", { board: "main", pages: [0] }, () => heard.push("watch answered"));
    assert.deepEqual(sent, [
      { kind: "request", id: 0, name: "hello", request: { protocol: 2 } },
      { kind: "request", id: 1, name: "open", request: { board: "main", protocol: 2, session: SESSION } },
      { kind: "request", id: 2, name: "watch", request: { board: "main", pages: [0] } },
    ]);
    heard.length = 0;
    link.receive(encodeReply(0, {}));
    link.receive(encodeReply(2, { watching: 1 }));
    link.receive(encodeReply(1, {}));
    link.receive(encodeReply(1, {}));
    link.receive(encodeReply(9, {}));
    assert.deepEqual(heard, ["up", "watch answered", "open answered"], "each once, by its number");
  });

  test("waits for the app's token, which it sends in hello", async () => {
    let give: (token: string) => void = assert.fail;
    const { open, sent, heard } = setUp(() => new Promise((done) => (give = done)));
    open();
    await settle();
    assert.deepEqual([heard, sent], [["through"], []]);
    give("secret");
    await settle();
    assert.deepEqual(heard, ["through", "asked", "opened"]);
    assert.deepEqual(sent, [{ kind: "request", id: 0, name: "hello", request: { protocol: 2, token: "secret" } }]);
  });

  test("ends with the reason if the app has no token, and sends nothing if it ended meanwhile", async () => {
    const without = setUp(() => Promise.reject(new Refusal("NO_TOKEN")));
    without.open();
    await settle();
    assert.deepEqual(without.heard, ["through", ["over", "NO_TOKEN"]]);
    assert.equal(without.closes(), 1);
    const late = setUp(() => Promise.resolve("secret"));
    late.open();
    late.link.close();
    await settle();
    assert.deepEqual(late.heard, ["through", ["over", undefined]]);
    assert.deepEqual(late.sent, []);
  });

  test("closes a wire that opens after its end", () => {
    const { link, open, sent, heard, closes } = setUp();
    link.close();
    open();
    assert.deepEqual([heard, sent, closes()], [[["over", undefined]], [], 2]);
  });

  test("sends a write in the order of its cells, and gives each its outcome from acknowledgements and refusals", () => {
    const { link, sent } = enter();
    const outcomes = new Map<number, unknown>();
    const write = (seq: number, changes: [number, 0 | 1][], handle = 0) =>
      link.request("write", { handle, session: SESSION, seq, changes }, (reply) => {
        assert.equal(outcomes.has(handle * 100 + seq), false, "one outcome for each");
        outcomes.set(handle * 100 + seq, reply);
      });
    write(1, [
      [9, 1],
      [2, 0],
    ]);
    for (const seq of [2, 3]) write(seq, [[seq, 1]]);
    write(2, [[5, 1]], 1);
    assert.deepEqual(sent[0], {
      kind: "write",
      handle: 0,
      seq: 1,
      changes: [
        [2, 0],
        [9, 1],
      ],
    });
    link.receive(
      encodeAcks(0, [
        { seq: 1, at: [[0, 4]] },
        { seq: 3, at: [[0, 4]] },
      ]),
    );
    const error = new Refusal("RATE_LIMITED", { retryAfterMs: 70 }).toBody();
    link.receive(encodeRefusal(0, 2, error));
    link.receive(encodeRefusal(0, 2, error));
    assert.deepEqual([...outcomes.keys()], [1, 3, 2], "not the write of the other board");
    assert.deepEqual([outcomes.get(1), outcomes.get(2)], [{ at: [[0, 4]] }, { error }]);
    link.receive(encodeAcks(1, [{ seq: 2, at: [[0, 1]] }]));
    assert.deepEqual(outcomes.get(102), { at: [[0, 1]] });
  });

  test("reads a continuation as following on the delta or snapshot before it", () => {
    const { link, heard } = enter();
    const read = (bytes: Uint8Array) => {
      heard.length = 0;
      link.receive(bytes);
      return heard.filter((it) => typeof it === "string");
    };
    assert.deepEqual(read(deltaFrom(0).continuation), ["gap"], "nothing was before it");
    assert.equal(read(snapshotAt(1)).length, 1);
    assert.deepEqual(read(deltaFrom(1).continuation), ["delta of 1: 1BBBBBBBB 2CCCCCCCC"]);
    assert.deepEqual(read(deltaFrom(0).whole), ["delta of 1: 0AAAAAAAA 1BBBBBBBB"]);
    assert.deepEqual(read(deltaFrom(1).continuation), ["delta of 1: 1BBBBBBBB 2CCCCCCCC"]);
    read(snapshotAt(0, 7));
    assert.deepEqual(read(deltaFrom(0).continuation), ["delta of 7: 0AAAAAAAA 1BBBBBBBB"], "the page sent last");
  });

  test("counts deltas and snapshots with their header, and passes on all else that the instance sends", () => {
    const { link, heard } = enter();
    const { whole } = deltaFrom(0);
    link.receive(whole);
    assert.equal(heard[0], whole.length + 2);
    heard.length = 0;
    link.receive(encodeFramed("overview", Uint8Array.of(1, 2)));
    link.receive(encodeFramed("counts", Uint8Array.of(3)));
    link.receive(encodeEvent("looking", { handle: 0, pages: [] }));
    link.receive(encodeEvent("frozen", { handle: 0, page: 1, cells: [] }));
    link.receive(encodeEvent("notice", { kind: "online", online: 1, onlineEverywhere: 2 }));
    link.receive(encodeEvent("of a later version", {}));
    assert.deepEqual(heard, [
      ["overview", 1, 2],
      ["counts", 3],
      ["looking", { handle: 0, pages: [] }],
      ["frozen", { handle: 0, page: 1, cells: [] }],
      ["notice", "online"],
    ]);
  });

  test("reports a message that it cannot read as a gap", () => {
    for (const bytes of [
      Uint8Array.of(),
      Uint8Array.of(0),
      Uint8Array.of(DOWN.delta, 1),
      Uint8Array.of(DOWN.reply, 1, 123),
    ]) {
      const { link, heard } = enter();
      link.receive(snapshotAt(0));
      heard.length = 0;
      link.receive(bytes);
      link.receive(deltaFrom(0).continuation);
      assert.deepEqual(heard, ["gap", "gap"], "and on a gap no continuation follows");
    }
  });

  test("ignores a message of a kind that only later versions know", () => {
    const { link, heard } = enter();
    link.receive(snapshotAt(0));
    heard.length = 0;
    link.receive(Uint8Array.of(99, 1, 2));
    assert.deepEqual(heard, []);
  });

  test("still takes the answers of an instance that asks it to move, until that closes", () => {
    const { link, heard, closes } = enter();
    const replies: unknown[] = [];
    link.request("open", { board: "main", protocol: 2 }, (reply) => replies.push(reply));
    const error = new Refusal("GOING_AWAY").toBody();
    link.receive(encodeEvent("notice", { kind: "goodbye", error }));
    assert.equal(closes(), 0);
    link.receive(encodeReply(1, { handle: 0 }));
    assert.deepEqual(replies, [{ handle: 0 }]);
    link.closed();
    assert.deepEqual(heard, [["over", "GOING_AWAY"]]);
  });

  test("a write that names a cell twice sends its last change", () => {
    const { link, sent } = enter();
    const changes = [
      [5, 1],
      [100, 1],
      [5, 0],
    ] as const;
    link.request("write", { handle: 0, session: SESSION, seq: 1, changes }, () => undefined);
    const expected = {
      kind: "write",
      handle: 0,
      seq: 1,
      changes: [
        [5, 0],
        [100, 1],
      ],
    };
    assert.deepEqual(sent.at(-1), expected);
  });

  test("ends at goodbye with its reason, and hears nothing after that", () => {
    const { link, heard, closes } = enter();
    link.request("open", { board: "main", protocol: 2 }, () => assert.fail("the link has ended"));
    const error = new Refusal("TOO_SLOW").toBody();
    link.receive(encodeEvent("notice", { kind: "goodbye", error }));
    assert.deepEqual(heard, [["over", "TOO_SLOW"]]);
    assert.equal(closes(), 1);
    link.receive(encodeReply(1, {}));
    link.receive(deltaFrom(0).whole);
    link.closed();
    assert.equal(heard.length, 1);
  });

  test("ends without a reason when the wire is lost, and with the one that the wire gives", () => {
    const lost = enter();
    lost.link.closed();
    lost.link.closed();
    assert.deepEqual(lost.heard, [["over", undefined]]);
    const { link, heard } = setUp();
    link.closed(new Refusal("UNREACHABLE"));
    assert.deepEqual(heard, [["over", "UNREACHABLE"]]);
  });

  test("answers each beat, and ends when it has heard nothing for too long", async () => {
    const { clock, link, sent, heard, closes } = enter();
    for (let beats = 1; beats <= 5; beats++) {
      await clock.pass(BEAT_MS);
      link.receive(BEAT);
      assert.equal(sent.length, beats);
      assert.equal(sent.at(-1)?.kind, "beat");
    }
    assert.deepEqual(heard, []);
    await clock.pass(SILENT_MS_MAX);
    assert.deepEqual(heard, []);
    await clock.pass(3_000);
    assert.deepEqual(heard, [["over", undefined]]);
    assert.equal(closes(), 1);
    await clock.pass(60_000);
    assert.equal(heard.length, 1);
  });

  test("notices silence before the instance has answered hello, too", async () => {
    const { clock, open, heard } = setUp();
    open();
    heard.length = 0;
    await clock.pass(SILENT_MS_MAX + 3_000);
    assert.deepEqual(heard, [["over", undefined]]);
  });
});
