/*
 * Continuations, from the instance's choice to the client's replica. A real LaneConnection sends what
 * a model of hubs gives it: pages of two boards that are changed, and by failovers set back to an
 * earlier position, or to another history. A real LaneLink receives it, late, and connections are lost with all that is
 * on the way. A replica is at every moment at a state of its page's history.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, setBit } from "../../src/board/bitmap.js";
import { type Delta, mergeDeltas, packChanges } from "../../src/board/delta.js";
import { formatPosition, GENESIS, type Position, samePosition } from "../../src/board/position.js";
import { Replica } from "../../src/board/replica.js";
import { LaneLink } from "../../src/client/links/lane-link.js";
import { toBase64url } from "../../src/protocol/base64url.js";
import { decodeSnapshot, encodeSnapshot } from "../../src/protocol/codec.js";
import * as DOWN from "../../src/protocol/down-kinds.js";
import { LaneConnection } from "../../src/server/lane/lane-connection.js";
import { DeltaFrame, type PageFrame } from "../../src/server/pages/recipient.js";
import { modelInstance } from "../support/model-instance.js";
import { ModelStore } from "../support/model-store.js";
import { VirtualClock } from "../support/virtual-clock.js";

const CELLS = 256;
const clock = new VirtualClock();
const instance = modelInstance({ clock, store: new ModelStore(clock), cells: CELLS });
const CONTINUATIONS: ReadonlySet<number> = new Set([DOWN.continuation, DOWN.riceContinuation]);

let tags = 0;
const newTag = () => toBase64url(Uint8Array.from({ length: 6 }, (_, byte) => (++tags >>> (byte * 5)) & 255));

interface History {
  bits: Uint8Array;
  position: Position;
  batches: readonly { readonly delta: Delta; readonly before: Uint8Array }[];
}

/** A page as the store has it, and as the hub of an instance sends it. */
class Source {
  readonly handle: number;
  readonly page: number;
  readonly states = new Map<string, string>();
  #history: History = { bits: new Uint8Array(CELLS / 8), position: GENESIS, batches: [] };
  /** The history that a failover has lost. */
  #lost: History | undefined;

  constructor(handle: number, page: number) {
    this.handle = handle;
    this.page = page;
    this.#record();
  }

  get position(): Position {
    return this.#history.position;
  }

  commit(changes: readonly (readonly [number, Bit])[]): void {
    const { position: from, bits: before, batches } = this.#history;
    const to = { version: from.version + 1, tag: newTag() };
    const bits = before.slice();
    for (const [cell, value] of changes) setBit(bits, cell, value);
    const delta: Delta = { kind: "delta", page: this.page, from, to, changes: packChanges(changes) };
    this.#history = { bits, position: to, batches: [...batches, { delta, before }] };
    this.#record();
  }

  /** A failover loses the last batches. */
  setBack(count: number): void {
    const { batches } = this.#history;
    const kept = Math.max(0, batches.length - count);
    const first = batches[kept];
    if (!first) return;
    this.#lost = this.#history;
    this.#history = { bits: first.before, position: first.delta.from, batches: batches.slice(0, kept) };
  }

  /** The lost history returns, and the present one is lost. */
  swap(): void {
    if (this.#lost) [this.#history, this.#lost] = [this.#lost, this.#history];
  }

  /** What a client at `position` misses. */
  since(position: Position): PageFrame | undefined {
    if (samePosition(position, this.position)) return undefined;
    const { batches, bits } = this.#history;
    const index = batches.findIndex(({ delta }) => samePosition(delta.from, position));
    const delta = index === -1 ? undefined : mergeDeltas(batches.slice(index).map((each) => each.delta));
    if (delta) return new DeltaFrame(this.handle, delta);
    const { handle, page } = this;
    const snapshot = { kind: "snapshot", page, position: this.position, bits } as const;
    const bytes = encodeSnapshot(handle, snapshot);
    return { kind: "snapshot", handle, page, position: this.position, bytes };
  }

  #record(): void {
    this.states.set(formatPosition(this.position), String(this.#history.bits));
  }
}

/** A connection with both its ends. What is on the way is lost with it. */
class Line {
  /** Messages, and answers to `unwatch`. */
  readonly down: (Uint8Array | (() => void))[] = [];
  readonly up: (() => void)[] = [];
  /** The positions that the hubs have sent to. */
  readonly members = new Map<Source, Position>();
  readonly connection: LaneConnection;
  readonly link: LaneLink;

  constructor(world: World, sent: (bytes: Uint8Array) => void = (bytes) => this.down.push(bytes)) {
    const wire = {
      waiting: 0,
      send: ({ bytes }: { bytes: Uint8Array }) => sent(bytes),
      close: () => undefined,
      cut: () => undefined,
    };
    const presence = { online: 1, onlineEverywhere: 1, people: () => 1 };
    const identify = () => Promise.reject(new Error("nobody asks"));
    const allowance = instance.admission.allowance("a");
    this.connection = new LaneConnection(
      { instance, presence, greeted: () => undefined, bufferBytesMax: 1e9 },
      wire,
      allowance,
      identify,
    );
    const unexpected = () => assert.fail("not a delta or snapshot");
    this.link = new LaneLink(
      { send: unexpected, close: () => undefined },
      {
        clock,
        getToken: undefined,
        listener: {
          delta: (framed) => {
            assert.ok(framed, "a message that cannot be read");
            world.receive(framed.handle, framed.content);
          },
          snapshot: (bytes) => {
            const framed = decodeSnapshot(bytes, () => CELLS);
            assert.ok(framed, "a snapshot that cannot be read");
            world.receive(framed.handle, framed.content);
          },
          ...{
            overview: unexpected,
            counts: unexpected,
            looking: unexpected,
            frozen: unexpected,
            mine: unexpected,
            resized: unexpected,
            notice: unexpected,
          },
          ...{ through: unexpected, asked: unexpected, opened: unexpected, up: unexpected, over: unexpected },
        },
      },
    );
  }

  /** The hub's part: brings a member from the position it holds to the present one. */
  send(source: Source, position: Position): void {
    const frame = source.since(position);
    if (frame) this.connection.send(frame);
    this.members.set(source, source.position);
  }
}

class World {
  readonly sources = [0, 1].flatMap((handle) => [0, 1, 2].map((page) => new Source(handle, page)));
  readonly replicas = new Map<Source, Replica>();
  /** Pages whose `unwatch` has no answer yet. They are watched again only after it. */
  readonly #leaving = new Set<Source>();
  line = new Line(this);
  continuations = 0;
  gaps = 0;

  constructor() {
    for (const source of this.sources) this.watch(source);
  }

  source(index: number): Source {
    const source = this.sources[index % this.sources.length];
    assert.ok(source);
    return source;
  }

  watch(source: Source): void {
    const replica = this.replicas.get(source) ?? new Replica(source.page, CELLS);
    this.replicas.set(source, replica);
    if (this.#leaving.has(source)) return;
    const { line } = this;
    const { position } = replica;
    line.up.push(() => line.send(source, position));
  }

  unwatch(source: Source): void {
    this.replicas.delete(source);
    if (this.#leaving.has(source)) return;
    this.#leaving.add(source);
    const { line } = this;
    line.up.push(() => {
      line.members.delete(source);
      line.down.push(() => {
        this.#leaving.delete(source);
        if (this.replicas.has(source)) this.watch(source);
      });
    });
  }

  /** A flush of the page's hub. */
  flush(source: Source): void {
    const position = this.line.members.get(source);
    if (position) this.line.send(source, position);
  }

  receive(handle: number, update: Parameters<Replica["receive"]>[0]): void {
    const source = this.sources.find((each) => each.handle === handle && each.page === update.page);
    assert.ok(source, "an update of no page");
    const replica = this.replicas.get(source);
    if (!replica) return;
    const before = String(replica.bits);
    const outcome = replica.receive(update);
    if (outcome !== "applied") assert.equal(String(replica.bits), before);
    const expected = source.states.get(formatPosition(replica.position));
    assert.equal(String(replica.bits), expected, `page ${source.page} of board ${handle} holds a wrong bit`);
    if (outcome !== "gap") return;
    this.gaps++;
    this.watch(source);
  }

  deliver(messages: number): void {
    for (const message of this.line.down.splice(0, messages)) {
      if (typeof message === "function") message();
      else {
        if (CONTINUATIONS.has(message[0] ?? 0)) this.continuations++;
        this.line.link.receive(message);
      }
    }
  }

  answer(requests: number): void {
    for (const request of this.line.up.splice(0, requests)) request();
  }

  lose(): void {
    this.line.connection.close();
    this.line = new Line(this);
    this.#leaving.clear();
    for (const source of this.replicas.keys()) this.watch(source);
  }

  /** Lets everything arrive. */
  quieten(): void {
    for (let rounds = 0; this.line.up.length + this.line.down.length > 0; rounds++) {
      assert.ok(rounds < 100, "no end of gaps");
      this.answer(1_000);
      this.deliver(1_000);
    }
    for (const source of this.sources) this.flush(source);
    this.deliver(1_000);
  }
}

const source = fc.nat(5);
const count = fc.integer({ min: 1, max: 12 });
const change = fc.tuple(fc.nat(CELLS - 1), fc.constantFrom<Bit>(0, 1));
const step: fc.Arbitrary<(world: World) => void> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(source, fc.array(change, { minLength: 1, maxLength: 12 }), fc.boolean())
      .map(([index, changes, isFlushed]) => (world: World) => {
        world.source(index).commit(changes);
        if (isFlushed) world.flush(world.source(index));
      }),
  },
  { weight: 5, arbitrary: source.map((index) => (world: World) => world.flush(world.source(index))) },
  { weight: 5, arbitrary: count.map((messages) => (world: World) => world.deliver(messages)) },
  { weight: 5, arbitrary: count.map((requests) => (world: World) => world.answer(requests)) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.lose()) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(source, fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER))
      .map(([index, batches]) => (world: World) => {
        world.source(index).setBack(batches);
        world.flush(world.source(index));
      }),
  },
  {
    weight: 3,
    arbitrary: source.map((index) => (world: World) => {
      world.source(index).swap();
      world.flush(world.source(index));
    }),
  },
  { weight: 2, arbitrary: source.map((index) => (world: World) => world.unwatch(world.source(index))) },
  { weight: 3, arbitrary: source.map((index) => (world: World) => world.watch(world.source(index))) },
);

describe("the deltas of a lane connection", () => {
  test("are continuations only from exactly the board, page, version and tag that were sent last", () => {
    const last = { handle: 1, page: 2, version: 3, tag: newTag() };
    const kindAfterLast = (next: typeof last) => {
      const sent: number[] = [];
      const { connection } = new Line(new World(), (bytes) => sent.push(bytes[0] ?? 0));
      const send = ({ handle, page }: typeof last, from: Position, to: Position) =>
        connection.send(new DeltaFrame(handle, { kind: "delta", page, from, to, changes: packChanges([[1, 1]]) }));
      send(last, GENESIS, last);
      send(next, next, { version: 9, tag: newTag() });
      return sent;
    };
    const { delta, continuation } = DOWN;
    assert.deepEqual(kindAfterLast(last), [delta, continuation]);
    for (const other of [{ handle: 2 }, { page: 3 }, { version: 4 }, { tag: newTag() }])
      assert.deepEqual(kindAfterLast({ ...last, ...other }), [delta, delta], JSON.stringify(other));
  });

  test("whatever is changed, set back, watched and lost, no replica holds a wrong bit, and each ends at its source", () => {
    let continuations = 0;
    let gaps = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150, size: "max" }), (steps) => {
        const world = new World();
        for (const take of steps) take(world);
        world.quieten();
        for (const [each, replica] of world.replicas) {
          assert.deepEqual(replica.position, each.position);
          assert.equal(String(replica.bits), each.states.get(formatPosition(each.position)));
        }
        continuations += world.continuations;
        gaps += world.gaps;
      }),
      { numRuns: 500, includeErrorInReport: true },
    );
    assert.ok(continuations > 500, `${continuations} continuations`);
    assert.ok(gaps > 50, `${gaps} gaps`);
  });
});
