/* Several pages of one browser, each with an outbox of its own: their changes of a cell stay in order. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import type { OutboxWrite } from "../../../../src/client/outbox/in-flight.js";
import { keys, olderElsewhere, read, write } from "../../../../src/client/outbox/kept-entries.js";
import { Outbox } from "../../../../src/client/outbox/outbox.js";
import { fromText, toText } from "../../../../src/client/outbox/saved-outbox.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const PREFIX = "changes|main|";
const AHEAD_MS = 1_700_000_000_000.25;
const GIVE_UP_MS = 300_000;
const ignore = () => undefined;

/** A page, and the session whose changes it sends: its own, or that of an earlier page. */
class Sender {
  readonly key: string;
  readonly outbox = new Outbox();
  /** Sent, and not answered yet. */
  sent: OutboxWrite[] = [];
  readonly #clock: VirtualClock;
  readonly #mustWait: ReturnType<typeof olderElsewhere>;

  constructor(key: string, clock: VirtualClock) {
    this.key = key;
    this.#clock = clock;
    this.#mustWait = olderElsewhere(key, PREFIX, () => AHEAD_MS, clock);
    const saved = fromText(read(key), AHEAD_MS, clock.now());
    if (saved) this.outbox.restore(saved, ignore);
  }

  set(cell: number, value: 0 | 1): void {
    this.outbox.set(cell, value, this.#clock.now(), ignore);
    this.keep();
  }

  take(): OutboxWrite[] {
    const writes = this.outbox.takeUnsent();
    const write = this.outbox.take(2, 32, this.#mustWait());
    if (write) writes.push(write);
    this.keep();
    return writes;
  }

  keep(): void {
    const { saved } = this.outbox;
    write(this.key, saved && toText(saved, AHEAD_MS));
  }
}

describe("changes that several pages of a browser keep", () => {
  const original = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  const entries: Record<string, string> = {};
  before(() => {
    const storage = {
      getItem: (key: string) => entries[key] ?? null,
      setItem: (key: string, text: string) => {
        entries[key] = text;
      },
      removeItem: (key: string) => {
        delete entries[key];
      },
    };
    // As in a browser, its own keys are those of the entries.
    const value = new Proxy(entries, { get: (_, name) => Reflect.get(storage, name) });
    Object.defineProperty(globalThis, "localStorage", { value, configurable: true });
  });
  after(() => {
    if (original) Object.defineProperty(globalThis, "localStorage", original);
    else Reflect.deleteProperty(globalThis, "localStorage");
  });
  beforeEach(() => {
    for (const key of keys()) write(key, undefined);
  });

  async function two() {
    const clock = new VirtualClock();
    const [one, other] = [new Sender(`${PREFIX}one`, clock), new Sender(`${PREFIX}other`, clock)];
    await clock.pass(1_000);
    return { clock, one, other };
  }

  test("wait for an older change of their cell to the other value, until that is settled", async () => {
    const { clock, one, other } = await two();
    one.set(5, 1);
    await clock.pass(1);
    other.set(5, 0);
    other.set(6, 0);
    assert.deepEqual(other.take(), [{ seq: 1, changes: [[6, 0]] }]);
    assert.deepEqual(one.take(), [{ seq: 1, changes: [[5, 1]] }]);
    assert.deepEqual(other.take(), [], "it is on its way");
    one.outbox.acknowledged(1, new Map());
    one.keep();
    assert.deepEqual(other.take(), [{ seq: 2, changes: [[5, 0]] }]);
    one.set(7, 1);
    one.set(8, 1);
    assert.deepEqual(other.take(), [], "it reads the entry");
    one.set(9, 1);
    await clock.pass(1);
    other.set(9, 0);
    assert.deepEqual(other.take(), [], "it reads the entry again once that has changed");
  });

  test("do not wait for the same value, for another board, or for a change that is too old to be sent", async () => {
    const { clock, one, other } = await two();
    one.set(5, 1);
    one.set(6, 1);
    write("changes|second|one", read(one.key));
    await clock.pass(GIVE_UP_MS - 1);
    other.set(5, 1);
    other.set(6, 0);
    assert.deepEqual(other.take(), [{ seq: 1, changes: [[5, 1]] }]);
    await clock.pass(1);
    assert.deepEqual(other.take(), [{ seq: 2, changes: [[6, 0]] }]);
    write(one.key, undefined);
    other.set(7, 0);
    assert.equal(other.take().length, 1);
  });

  test("take effect in the order in which they were made, whichever pages end and whichever sends them", async () => {
    const who = fc.nat(2);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("set" as const), who, cell: fc.nat(3), value: fc.constantFrom(0, 1) }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const), who: fc.nat(5) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("arrive" as const), at: fc.nat(9) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("answer" as const), who: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), who }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        for (const key of keys()) write(key, undefined);
        const clock = new VirtualClock();
        let pages = 0;
        const open = () => new Sender(`${PREFIX}${pages++}`, clock);
        /** The first three are of the pages that are open. The others deliver what earlier ones left. */
        const senders = [open(), open(), open()];
        const store = new Map<number, number>();
        const wanted = new Map<number, number>();
        const taken = new Set<string>();
        /** On their way: some arrive after their page has ended. */
        const underWay: { readonly key: string; readonly write: OutboxWrite }[] = [];
        const arrive = ({ key, write: { seq, changes } }: (typeof underWay)[number]) => {
          if (taken.has(`${key} ${seq}`)) return;
          taken.add(`${key} ${seq}`);
          for (const [cell, value] of changes) store.set(cell, value);
        };
        const send = (sender: Sender) => {
          for (const each of sender.take()) {
            underWay.push({ key: sender.key, write: each });
            sender.sent.push(each);
          }
        };
        const answer = (sender: Sender) => {
          const write = sender.sent.shift();
          if (!write) return;
          arrive({ key: sender.key, write });
          sender.outbox.acknowledged(write.seq, new Map());
          sender.keep();
        };
        for (const each of steps) {
          await clock.pass(1);
          if (each.kind === "arrive") {
            const [one] = underWay.splice(each.at % Math.max(1, underWay.length), 1);
            if (one) arrive(one);
            continue;
          }
          const sender = senders[each.who % senders.length];
          if (!sender) continue;
          if (each.kind === "set") {
            sender.set(each.cell, each.value as 0 | 1);
            wanted.set(each.cell, each.value);
          } else if (each.kind === "take") send(sender);
          else if (each.kind === "answer") answer(sender);
          else {
            senders[each.who] = open();
            if (sender.outbox.saved) senders.push(new Sender(sender.key, clock));
          }
        }
        for (let rounds = 0; senders.some(({ outbox }) => outbox.saved); rounds++) {
          assert.ok(rounds < 200, "none waits for ever");
          for (const sender of senders) {
            send(sender);
            while (sender.sent.length > 0) answer(sender);
          }
        }
        assert.deepEqual(new Map([...store].sort()), new Map([...wanted].sort()));
      }),
      { numRuns: 300 },
    );
  });
});
