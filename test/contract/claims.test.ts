/* Claims (src/store/claims.ts), for every implementation of the store: the same writes have the same outcomes, bits and owners. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, getBit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import { realClock } from "../../src/protocol/clock.js";
import { type Claim, type ClaimAct, ownerName, parseClaims } from "../../src/store/claims.js";
import { DamagedPage } from "../../src/store/damage.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { releaseEnded } from "../../src/store/expiry.js";
import type { Store, WriteOutcome } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { exportBoard, importBoard } from "../../src/store/transfer/board-transfer.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { ModelStore } from "../support/model-store.js";
import { relayed } from "../support/relay.js";
import { until } from "../support/until.js";
import { startCluster } from "../support/valkey-cluster.js";
import { startServer } from "../support/valkey-server.js";

const MINUTE = 60_000;
const claims = parseClaims("seats,lockers=5m,room=lease:10s");
assert.ok(claims);
const [ann, ben] = [ownerName("subject", "ann"), ownerName("subject", "ben")];

interface Opened {
  readonly store: Store;
  /** `ms` pass by the store's clock, as far as the claims of this page are concerned. */
  pass(page: PageRef, ms: number): Promise<void> | void;
  close(): Promise<unknown>;
}

let pages = 0;
const fresh = (board: string): PageRef => ({ board, page: pages++ });

interface Made {
  readonly owner?: string | undefined;
  readonly act?: ClaimAct | undefined;
  readonly session?: string;
  readonly seq?: number;
}

function make(changes: readonly (readonly [number, Bit])[], { owner, act, session = "", seq = 1 }: Made = {}) {
  return { session, seq, changes: packChanges(changes), owner, act };
}

function claiming(name: string, open: () => Promise<Opened>): void {
  describe(`claims: ${name}`, () => {
    let opened: Opened;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const commit = (page: PageRef, ...writes: ReturnType<typeof make>[]) =>
      store.commit(page, { tag: newTag(), writes });
    const one = async (page: PageRef, ...args: Parameters<typeof make>): Promise<WriteOutcome | undefined> =>
      (await commit(page, make(...args))).outcomes[0];
    const owners = async (page: PageRef) =>
      Object.fromEntries((await store.claims(page)).claims.map(({ offset, owner }) => [offset, owner]));
    const bits = async (page: PageRef, ...cells: number[]) => {
      const snapshot = await store.read(page);
      return cells.map((cell) => getBit(snapshot.bits, cell));
    };

    test("the first to check a cell has it; others can neither check nor uncheck it, and are told which cells", async () => {
      const page = fresh("seats");
      assert.equal(await one(page, [[7, 1]], { owner: ann }), "accepted");
      const answer = await commit(
        page,
        make([[6, 1]], { owner: ben }),
        make(
          [
            [5, 1],
            [7, 1],
          ],
          { owner: ben },
        ),
        make([[7, 0]], { owner: ben }),
      );
      assert.deepEqual(answer.outcomes, ["accepted", "claimed", "claimed"]);
      assert.deepEqual(answer.claimed, [[7], [7]]);
      assert.deepEqual(await owners(page), { 6: ben, 7: ann });
      assert.deepEqual(await bits(page, 5, 6, 7), [0, 1, 1], "a refused write does nothing, whole");
      assert.equal(await one(page, [[7, 1]], { owner: ann }), "accepted", "it is hers already");
      assert.equal(await one(page, [[7, 0]], { owner: ann }), "accepted");
      assert.deepEqual(await owners(page), { 6: ben });
      assert.equal(await one(page, [[7, 1]], { owner: ben }), "accepted");
    });

    test("of many in one batch, the first has the cell", async () => {
      const page = fresh("seats");
      const all = Array.from({ length: 20 }, (_, index) => ownerName("session", `s${index}`));
      const { outcomes } = await commit(
        page,
        ...all.map((owner, index) => make([[3, 1]], { owner, session: `s${index}` })),
      );
      assert.deepEqual(outcomes, ["accepted", ...Array(19).fill("claimed")]);
      assert.deepEqual(await owners(page), { 3: all[0] });
    });

    test("a refusal uses up its number; a duplicate is answered by the present owner", async () => {
      const page = fresh("seats");
      await one(page, [[1, 1]], { owner: ann, session: "ann", seq: 1 });
      assert.equal(await one(page, [[1, 1]], { owner: ben, session: "ben", seq: 1 }), "claimed");
      assert.equal(await one(page, [[1, 1]], { owner: ann, session: "ann", seq: 1 }), "duplicate");
      await one(page, [[1, 0]], { owner: ann, session: "ann", seq: 2 });
      assert.equal(
        await one(page, [[1, 1]], { owner: ben, session: "ben", seq: 1 }),
        "claimed",
        "a late copy wins nothing",
      );
      assert.deepEqual(await owners(page), {});
      assert.equal(await one(page, [[1, 0]], { owner: ann, session: "ann", seq: 2 }), "duplicate");
      assert.equal(await one(page, [[1, 1]], { owner: ben, session: "ben", seq: 2 }), "accepted");
      assert.equal(
        await one(page, [[1, 1]], { owner: ann, session: "ann", seq: 1 }),
        "claimed",
        "it is no longer hers",
      );
      // Numbers around the one that was refused are judged as ever.
      assert.equal(await one(page, [[2, 1]], { owner: ben, session: "ben", seq: 34 }), "accepted");
      assert.equal(await one(page, [[2, 1]], { owner: ben, session: "ben", seq: 3 }), "accepted");
      assert.equal(await one(page, [[2, 1]], { owner: ben, session: "ben", seq: 1 }), "stale");
    });

    test("a copy of an uncheck that was refused succeeds only if the cell is unchecked", async () => {
      const page = fresh("seats");
      const uncheck = () => one(page, [[1, 0]], { owner: ben, session: "ben", seq: 1 });
      await one(page, [[1, 1]], { owner: ann });
      assert.equal(await uncheck(), "claimed");
      await one(page, [[1, 0]], { owner: ann });
      assert.equal(await uncheck(), "duplicate");
      await one(page, [[1, 1]]);
      assert.equal(await uncheck(), "claimed", "nobody has it, but it is checked");
      await one(page, [[1, 1]], { owner: ben });
      assert.equal(await uncheck(), "claimed", "it is checked, and stays so");
      assert.deepEqual([await bits(page, 1), await owners(page)], [[1], { 1: ben }]);
    });

    test("without an owner a write overrides claims", async () => {
      const page = fresh("seats");
      await one(
        page,
        [
          [1, 1],
          [2, 1],
        ],
        { owner: ann },
      );
      assert.equal(
        await one(page, [
          [1, 0],
          [3, 1],
        ]),
        "accepted",
      );
      assert.deepEqual(await owners(page), { 2: ann });
      assert.equal(
        await one(page, [[3, 1]], { owner: ben }),
        "accepted",
        "a checked cell that nobody has can be taken",
      );
      assert.deepEqual(await owners(page), { 2: ann, 3: ben });
    });

    test("a hold ends: the cell is free for the next claim, and is unchecked otherwise", async () => {
      const page = fresh("lockers");
      await one(
        page,
        [
          [1, 1],
          [2, 1],
        ],
        { owner: ann },
      );
      const [claim] = (await store.claims(page)).claims;
      assert.ok(claim?.leftMs !== undefined && claim.leftMs > 4 * MINUTE && claim.leftMs <= 5 * MINUTE);
      await opened.pass(page, 2 * MINUTE);
      assert.equal(await one(page, [[1, 1]], { owner: ann }), "accepted");
      assert.equal(await one(page, [[1, 1]], { owner: ben }), "claimed");
      await opened.pass(page, 3 * MINUTE + 1);
      assert.deepEqual(await owners(page), {}, "checking it again did not extend it");
      assert.equal(await one(page, [[1, 1]], { owner: ben }), "accepted");
      const released: string[] = [];
      await until("the page's turn", async () => {
        await store.releaseExpired((ref, offsets) => released.push(`${pageName(ref)} ${offsets}`));
        return released.length > 0;
      });
      assert.ok(released.includes(`${pageName(page)} 2`), released.join());
      assert.deepEqual([await bits(page, 1, 2), await owners(page)], [[1, 0], { 1: ben }]);
    });

    test("holds are extended and confirmed, but only those that are there, and are the owner's if one is named", async () => {
      const page = fresh("lockers");
      await one(
        page,
        [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
        { owner: ann },
      );
      assert.equal(await one(page, [[1, 1]], { act: { kind: "confirm" }, owner: ann }), "accepted");
      assert.equal(await one(page, [[2, 1]], { act: { kind: "extend", ms: 10 * MINUTE } }), "accepted");
      assert.equal(await one(page, [[3, 1]], { act: { kind: "extend", ms: 1 } }), "accepted", "never shorter");
      assert.equal(await one(page, [[2, 1]], { act: { kind: "confirm" }, owner: ben }), "claimed");
      assert.equal(await one(page, [[4, 1]], { act: { kind: "confirm" } }), "claimed");
      await opened.pass(page, 4 * MINUTE);
      assert.deepEqual(await owners(page), { 1: ann, 2: ann, 3: ann });
      await opened.pass(page, 2 * MINUTE);
      assert.deepEqual(await owners(page), { 1: ann, 2: ann });
      assert.equal(
        await one(page, [[3, 1]], { act: { kind: "extend", ms: MINUTE }, owner: ann }),
        "claimed",
        "too late",
      );
      await opened.pass(page, 5 * MINUTE);
      assert.deepEqual((await store.claims(page)).claims, [{ offset: 1, owner: ann, leftMs: undefined }]);
    });

    test("a lease starts again whenever its owner checks the cell", async () => {
      const page = fresh("room");
      await one(page, [[1, 1]], { owner: ann, session: "a", seq: 1 });
      const { position } = await store.read(page);
      await opened.pass(page, 6_000);
      assert.equal(await one(page, [[1, 1]], { owner: ann, session: "a", seq: 2 }), "accepted");
      assert.deepEqual((await store.read(page)).position, position, "of which nobody needs to hear");
      await opened.pass(page, 6_000);
      assert.deepEqual(await owners(page), { 1: ann });
      await opened.pass(page, 4_001);
      assert.deepEqual(await owners(page), {});
    });

    test("a lease that was extended does not get shorter when its owner checks the cell", async () => {
      const page = fresh("room");
      await one(page, [[1, 1]], { owner: ann });
      await one(page, [[1, 1]], { act: { kind: "extend", ms: MINUTE } });
      await opened.pass(page, 30_000);
      assert.equal(await one(page, [[1, 1]], { owner: ann }), "accepted");
      await opened.pass(page, 25_000);
      assert.deepEqual(await owners(page), { 1: ann });
      assert.equal(await one(page, [[1, 1]], { owner: ann }), "accepted");
      await opened.pass(page, 9_000);
      assert.deepEqual(await owners(page), { 1: ann }, "then it is renewed as ever");
      await opened.pass(page, 1_001);
      assert.deepEqual(await owners(page), {});
    });

    test("deltas tell of each change of an owner, even where no bit changes, and replicas follow", async () => {
      const page = fresh("lockers");
      const replica = new Replica(page.page, 65_536);
      const news: (readonly Claim[] | undefined)[] = [];
      const unsubscribe = await store.subscribe(page, {
        delta: (delta, changed) => {
          assert.equal(replica.receive(delta), "applied");
          news.push(
            changed?.map(({ leftMs, ...claim }) => ({ ...claim, leftMs: leftMs && Math.ceil(leftMs / MINUTE) })),
          );
        },
        resumed: () => undefined,
      });
      await one(page, [[1, 1]], { owner: ann });
      await opened.pass(page, 5 * MINUTE + 1);
      await one(page, [[1, 1]], { owner: ben });
      await one(page, [[1, 1]], { owner: ben, act: { kind: "confirm" } });
      await one(page, [[1, 0]], { owner: ben });
      await until("all is heard", () => news.length === 4);
      unsubscribe();
      assert.deepEqual(news, [
        [{ offset: 1, owner: ann, leftMs: 5 }],
        [{ offset: 1, owner: ben, leftMs: 5 }],
        [{ offset: 1, owner: ben, leftMs: undefined }],
        [{ offset: 1, owner: undefined, leftMs: undefined }],
      ]);
      const { position } = await store.read(page);
      assert.deepEqual(replica.position, position);
    });

    test("deltas and the owners in them are told apart, whatever the number of the cell", async () => {
      const page = fresh("seats");
      const replica = new Replica(page.page, 65_536);
      const heard: number[][] = [];
      const unsubscribe = await store.subscribe(page, {
        delta: (delta, changed = []) => {
          assert.equal(replica.receive(delta), "applied");
          heard.push(changed.map(({ offset }) => offset));
        },
        resumed: () => undefined,
      });
      const cells = [0, 9, 10, 34, 99, 100, 999, 1_000, 9_999, 10_000, 12_345, 65_535];
      for (const cell of cells)
        for (const value of [1, 0, 1] as const) await one(page, [[cell, value]], { owner: ann });
      await until("all is heard", () => heard.length === 3 * cells.length);
      unsubscribe();
      assert.deepEqual(
        heard,
        cells.flatMap((cell) => [[cell], [cell], [cell]]),
      );
      const { bits: stored } = await store.read(page);
      assert.deepEqual(Buffer.from(replica.bits.subarray(0, stored.length)), Buffer.from(stored));
    });

    test("cells that a restore unchecks belong to nobody", async () => {
      const page = fresh("seats");
      await one(
        page,
        [
          [1, 1],
          [2, 1],
        ],
        { owner: ann },
      );
      await store.replace(page, newTag(), Uint8Array.of(0b0010_0000));
      await one(page, [[1, 1]]);
      assert.deepEqual(await owners(page), { 2: ann });
    });

    test("an exported board comes back with its owners, whatever has happened since", async () => {
      const page = { board: pages % 2 === 0 ? "lockers" : "room", page: pages++ };
      const board = { name: page.board, size: (page.page + 1) * 65_536, hasClaims: true };
      await one(
        page,
        [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
        { owner: ann },
      );
      await one(page, [[2, 1]], { owner: ann, act: { kind: "confirm" } });
      const lines: string[] = [];
      for await (const line of exportBoard(store, board, page.page)) lines.push(line);
      await one(
        page,
        [
          [1, 0],
          [3, 0],
        ],
        { owner: ann },
      );
      await one(
        page,
        [
          [1, 1],
          [4, 1],
        ],
        { owner: ben },
      );
      await importBoard(store, board, Readable.from(lines));
      assert.deepEqual(await owners(page), { 1: ann, 2: ann, 3: ann });
      assert.deepEqual(await bits(page, 1, 2, 3, 4), [1, 1, 1, 0]);
      const ends = (await store.claims(page)).claims.map(({ leftMs }) => leftMs !== undefined);
      assert.deepEqual(ends.sort(), [false, true, true]);
    });

    test("only cells whose holds have ended are released, though others may act meanwhile", async () => {
      const page = fresh("lockers");
      for (const cell of [1, 2, 3]) await one(page, [[cell, 1]], { owner: ann });
      await opened.pass(page, 6 * MINUTE);
      const ended = [1, 2, 3];
      await one(page, [[2, 1]], { owner: ben });
      await one(page, [[3, 0]], { owner: ben });
      const released = await releaseEnded(ended, (batch) => store.commit(page, batch));
      assert.deepEqual(released?.offsets, [1]);
      assert.deepEqual([await bits(page, 1, 2, 3), await owners(page)], [[0, 1, 0], { 2: ben }]);
      assert.equal(await releaseEnded(ended, (batch) => store.commit(page, batch)), undefined);
    });

    test("a restored hold ends, even on a board whose own claims have no end", async () => {
      const page = fresh("seats");
      await one(page, [[1, 1]], { owner: ann, act: { kind: "grant", ms: MINUTE } });
      await one(page, [[2, 1]], { owner: ann, act: { kind: "grant", ms: 0 } });
      await opened.pass(page, MINUTE + 1);
      const released: string[] = [];
      for (let sweeps = 0; sweeps < 20; sweeps++)
        await store.releaseExpired((ref, offsets) => released.push(`${pageName(ref)} ${offsets}`));
      assert.ok(released.includes(`${pageName(page)} 1`), released.join());
      assert.deepEqual([await bits(page, 1, 2), await owners(page)], [[0, 1], { 2: ann }]);
    });

    test("a board without claims has none", async () => {
      const page = fresh("plain");
      assert.equal(await one(page, [[1, 1]], { owner: ann }), "accepted");
      assert.equal(await one(page, [[1, 0]], { owner: ben }), "accepted");
      assert.deepEqual((await store.claims(page)).claims, []);
    });
  });
}

const openers: Record<string, () => Promise<Opened>> = {
  model: async () => {
    let passedMs = 0;
    const clock = { ...realClock, now: () => realClock.now() + passedMs };
    const store = new ModelStore(clock, 100, claims);
    const pass = (_: PageRef, ms: number) => {
      passedMs += ms;
    };
    return { store, pass, close: () => store.close() };
  },
  embedded: async () => {
    let passedMs = 0;
    const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
    const store = await EmbeddedStore.open({ directory, claims, now: () => Date.now() + passedMs });
    return {
      store,
      pass: (_, ms) => {
        passedMs += ms;
      },
      close: async () => {
        await store.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
  valkey: async () => {
    const server = await startServer();
    const store = await ValkeyStore.open({ url: server.url, claims });
    return { store, pass: passOn(store), close: () => store.close().then(() => server.stop()) };
  },
  relay: async () => {
    const server = await startServer();
    const inner = await ValkeyStore.open({ url: server.url, claims });
    const { store, close } = await relayed(inner);
    return { store, pass: passOn(inner), close: () => close().then(() => server.stop()) };
  },
  cluster: async () => {
    const cluster = await startCluster({ replicasEach: 0 });
    const store = await ValkeyStore.open({ url: cluster.url, claims });
    return { store, pass: passOn(store), close: () => store.close().then(() => cluster.stop()) };
  },
};

/** Shifts the ends of a page's claims, instead of the server's clock, and makes all pages due. */
function passOn(store: ValkeyStore) {
  return async (page: PageRef, ms: number) => {
    const { claims: key } = store.names.page(page);
    const stored = (await store.command(key, "HGETALL", key)) as string[];
    for (let at = 0; at < stored.length; at += 2) {
      const [offset = "", claim = ""] = stored.slice(at, at + 2).map(String);
      if (claim.length > 16)
        await store.command(key, "HSET", key, offset, claim.slice(0, 16) + (Number(claim.slice(16)) - ms));
    }
    const { holds } = store.names;
    const indexed = (await store.command(holds, "ZRANGE", holds, "0", "-1")) as string[];
    for (const name of indexed.map(String)) await store.command(holds, "ZADD", holds, "1", name);
  };
}

for (const [name, open] of Object.entries(openers)) claiming(name, open);

describe("claims on every store", () => {
  const opened: Opened[] = [];
  before(async () => {
    for (const name of ["model", "embedded", "valkey"]) {
      const open = openers[name];
      if (open) opened.push(await open());
    }
  });
  after(() => Promise.all(opened.map(({ close }) => close())));

  test("have the same outcomes, bits and owners, whatever is written", async () => {
    const cell = fc.nat(4);
    const write = fc.record({
      who: fc.constantFrom("ann", "ben", "eve", undefined),
      changes: fc.array(fc.tuple(cell, fc.constantFrom<Bit>(0, 1)), { minLength: 1, maxLength: 3 }),
      seq: fc.integer({ min: 1, max: 4 }),
      act: fc.option(
        fc.constantFrom<ClaimAct>(
          { kind: "confirm" },
          { kind: "extend", ms: 7 * MINUTE },
          { kind: "expire" },
          { kind: "grant", ms: 3 * MINUTE },
          { kind: "grant", ms: 0 },
        ),
        {
          nil: undefined,
          freq: 5,
        },
      ),
    });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ writes: fc.array(write, { minLength: 1, maxLength: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ passMs: fc.constantFrom(8_000, MINUTE, 6 * MINUTE) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("seats", "lockers", "room"),
        fc.array(step, { maxLength: 12 }),
        async (board, steps) => {
          const page = fresh(board);
          for (const each of steps) {
            const seen = [];
            for (const { store, pass } of opened) {
              if ("passMs" in each) {
                await pass(page, each.passMs);
                continue;
              }
              const writes = each.writes.map(({ who, changes, seq, act }) => {
                const owner = who && ownerName("subject", who);
                if (act)
                  return make(
                    changes.map(([cell]) => [cell, act.kind === "expire" ? 0 : 1]),
                    { owner, act },
                  );
                return make(changes, { owner, session: who ?? "", seq });
              });
              const { outcomes, claimed, checked } = await store.commit(page, { tag: newTag(), writes });
              const { position, bits } = await store.read(page);
              const held = await store.claims(page);
              const owners = held.claims.map(({ offset, owner, leftMs }) => [
                offset,
                owner,
                leftMs && Math.round(leftMs / 7_000),
              ]);
              owners.sort(([one], [other]) => Number(one) - Number(other));
              seen.push({ outcomes, claimed, checked, version: position.version, first: bits[0] ?? 0, owners });
            }
            for (const other of seen.slice(1)) assert.deepEqual(other, seen[0]);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("the index of holds", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  let store: ValkeyStore;
  before(async () => {
    server = await startServer();
    store = await ValkeyStore.open({ url: server.url, claims });
  });
  after(() => store.close().then(() => server.stop()));

  const released: string[] = [];
  const sweep = () => store.releaseExpired((ref, offsets) => released.push(`${pageName(ref)} ${offsets}`));
  const check = (page: PageRef, cell: number) =>
    store.commit(page, { tag: newTag(), writes: [make([[cell, 1]], { owner: ann })] });
  const scoreOf = async (page: PageRef) =>
    Number(await store.command(store.names.holds, "ZSCORE", store.names.holds, pageName(page)));
  /** Shifts only the ends of claims. */
  const endAll = async (page: PageRef) => {
    const { claims: key } = store.names.page(page);
    for (const offset of ((await store.command(key, "HKEYS", key)) as string[]).map(String))
      await store.command(key, "HSET", key, offset, `${ann}1`);
  };

  test("has a page looked at within a minute, so that a shorter rule or a restored hold is not missed", async () => {
    const page = fresh("lockers");
    await check(page, 1);
    await sweep();
    const aheadMs = (await scoreOf(page)) - Date.now();
    assert.ok(aheadMs > 0 && aheadMs < 61_000, `the next look is in ${aheadMs} ms`);
  });

  test("has a page looked at whose time is further ahead, because the clock was set back", async () => {
    const page = fresh("lockers");
    await check(page, 1);
    await sweep();
    await store.command(store.names.holds, "ZADD", store.names.holds, String(Date.now() + 3_600_000), pageName(page));
    await endAll(page);
    await sweep();
    assert.ok(released.includes(`${pageName(page)} 1`), `released: ${released}`);
  });

  test("says whether more pages may be due", async () => {
    const many = Array.from({ length: 40 }, () => fresh("lockers"));
    for (const page of many) {
      await check(page, 1);
      await endAll(page);
    }
    assert.equal(await sweep(), true);
    while (await sweep());
    const missing = many.map((page) => `${pageName(page)} 1`).filter((name) => !released.includes(name));
    assert.deepEqual(missing, []);
  });
});

test("the embedded store says whether more holds may have ended", async () => {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  let passedMs = 0;
  const store = await EmbeddedStore.open({ directory, claims, now: () => Date.now() + passedMs });
  try {
    const page = fresh("lockers");
    const all = Array.from({ length: 9_000 }, (_, cell) => cell);
    const changes = all.map((cell) => [cell, 1] as const);
    await store.commit(page, { tag: newTag(), writes: [make(changes, { owner: ann })] });
    passedMs = 6 * MINUTE;
    const released: number[][] = [];
    const sweep = () => store.releaseExpired((_, offsets) => released.push([...offsets]));
    assert.equal(await sweep(), true);
    while (await sweep());
    assert.deepEqual([released.length, released.flat().sort((one, other) => one - other)], [3, all]);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

describe("a store that is opened with other CLAIMS", () => {
  const only = parseClaims("lockers=5m");
  assert.ok(only);
  const kinds: Record<string, () => Promise<{ open(rules: typeof only): Promise<Store>; close(): Promise<unknown> }>> =
    {
      embedded: async () => {
        const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
        // The holds of the first time have ended in the second.
        let passedMs = -10 * MINUTE;
        const open = async (rules: typeof only) => {
          passedMs += 6 * MINUTE;
          const ms = passedMs;
          return EmbeddedStore.open({ directory, claims: rules, now: () => Date.now() + ms });
        };
        return { open, close: async () => rmSync(directory, { recursive: true, force: true }) };
      },
      valkey: async () => {
        const server = await startServer();
        let opened = 0;
        const open = async (rules: typeof only) => {
          const store = await ValkeyStore.open({ url: server.url, claims: rules });
          if (opened++ > 0)
            for (const page of [1, 2])
              await passOn(store)({ board: page === 1 ? "room" : "lockers", page }, 6 * MINUTE);
          return store;
        };
        return { open, close: () => server.stop() };
      },
    };
  for (const [name, start] of Object.entries(kinds)) {
    test(`${name}: leaves the cells of a board alone that has no claims any more`, async (t) => {
      const { open, close } = await start();
      t.after(close);
      const first = await open(parseClaims("room=lease:10s,lockers=5m") ?? only);
      const room = { board: "room", page: 1 };
      const lockers = { board: "lockers", page: 2 };
      for (const page of [room, lockers])
        await first.commit(page, { tag: newTag(), writes: [make([[3, 1]], { owner: ann })] });
      await first.close();
      const second = await open(only);
      const released: string[] = [];
      for (let sweeps = 0; sweeps < 3; sweeps++)
        await second.releaseExpired((ref, offsets) => released.push(`${pageName(ref)} ${offsets}`));
      const checked = async (page: PageRef) => getBit((await second.read(page)).bits, 3);
      const seen = [await checked(room), await checked(lockers)];
      await second.close();
      assert.deepEqual([seen, released], [[1, 0], ["lockers:2 3"]]);
    });
  }
});

describe("claims that were damaged in Valkey", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  let store: ValkeyStore;
  before(async () => {
    server = await startServer();
    store = await ValkeyStore.open({ url: server.url, claims });
  });
  after(() => store.close().then(() => server.stop()));

  const commit = async (page: PageRef, cell: number, owner: string) =>
    (await store.commit(page, { tag: newTag(), writes: [make([[cell, 1]], { owner })] })).outcomes[0];
  const damages: Record<string, (key: string) => Promise<unknown>> = {
    "a text": async (key) => {
      await store.command(key, "DEL", key);
      await store.command(key, "SET", key, "text");
    },
    "a claim without a valid owner": (key) => store.command(key, "HSET", key, "2", "nobody"),
    "a claim without a valid end": (key) => store.command(key, "HSET", key, "2", `${ann}soon`),
    "a claim of no cell": (key) => store.command(key, "HSET", key, "many", ann),
    "a claim of a cell beyond the page": (key) => store.command(key, "HSET", key, "99999999999", ann),
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what}: nobody wins a cell, nothing is changed by halves, and a restore repairs the page`, async () => {
      const page = fresh("lockers");
      for (const cell of [1, 2]) await commit(page, cell, ann);
      await store.command(store.names.page(page).claims, "HDEL", store.names.page(page).claims, "2");
      await damage(store.names.page(page).claims);
      const { position, bits } = await store.read(page);
      await assert.rejects(store.claims(page), DamagedPage);
      if (what === "a text") await assert.rejects(commit(page, 2, ben), DamagedPage);
      else if (what.includes("without")) assert.equal(await commit(page, 2, ben), "claimed");
      assert.deepEqual((await store.read(page)).position, position);
      const news: string[] = [];
      const unsubscribe = await store.subscribe(page, {
        delta: ({ to }) => news.push(to.tag),
        resumed: () => undefined,
      });
      const { position: restored } = await store.replace(page, newTag(), bits.slice(0, 1));
      assert.deepEqual((await store.read(page)).position, restored);
      if (restored.version > position.version) await until("the news", () => news.includes(restored.tag));
      unsubscribe();
      const held = (await store.claims(page)).claims.map(({ offset }) => offset);
      assert.deepEqual(held, what === "a text" ? [] : [1]);
      assert.equal(await commit(page, 2, ben), "accepted");
    });
  }

  test("a mark of no number in the head does no harm", async () => {
    const page = fresh("lockers");
    await commit(page, 1, ann);
    const { head } = store.names.page(page);
    await store.command(head, "HSET", head, "hi", "odd");
    assert.equal(await commit(page, 2, ann), "accepted");
    assert.equal((await store.claims(page)).claims.length, 2);
  });
});
