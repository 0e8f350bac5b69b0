/* Keys of a page that were deleted, evicted or edited by hand, on a real Valkey. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { countBits, getBit, setBit } from "../../src/board/bitmap.js";
import { type Delta, packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { GENESIS } from "../../src/board/position.js";
import { Replica } from "../../src/board/replica.js";
import { DamagedPage } from "../../src/store/damage.js";
import { PAGE_BYTES } from "../../src/store/logged.js";
import type { WriteOutcome } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { NAMES, pageKeys } from "../support/keys.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const histories = { boards: new Map<string, number>(), others: 60_000, deltasMax: 1_000 };

for (const engine of ["valkey-server", "redis-server"] as const) {
  describe(`a page with something wrong in ${engine}`, () => {
    let server: ServerProcess;
    let store: ValkeyStore;
    let incidents: string[] = [];
    let pages = 0;
    before(async () => {
      server = await startServer(engine);
      store = await ValkeyStore.open({ url: server.url, histories, incident: (line) => incidents.push(line) });
    });
    after(async () => {
      await store.close();
      await server.stop();
    });

    const commit = async (page: PageRef, cells: readonly [number, 0 | 1][], session = "", seq = 1) => {
      const batch = { tag: newTag(), writes: [{ session, seq, changes: packChanges(cells) }] };
      return store.commit(page, batch);
    };
    const checkedCells = async (page: PageRef) => {
      const { bits } = await store.read(page);
      return Array.from({ length: 64 }, (_, cell) => cell).filter((cell) => getBit(bits, cell) === 1);
    };
    /** A page with cells 1 to 9 checked by nine commits, and a replica that has followed them. */
    const written = async () => {
      const page = { board: "main", page: pages++ };
      for (let cell = 1; cell < 10; cell++) await commit(page, [[cell, 1]], "writer", cell);
      const replica = new Replica(page.page, 65_536);
      const answer = await store.since(page, GENESIS);
      assert.ok(answer.kind === "deltas");
      for (const delta of answer.deltas) replica.receive(delta);
      incidents = [];
      return { page, replica, keys: pageKeys(page) };
    };
    const NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    /** Brings the replica to the store's state as an instance does, and compares. */
    const assertFollowed = async (page: PageRef, replica: Replica) => {
      const answer = await store.since(page, replica.position);
      for (const update of answer.kind === "deltas" ? answer.deltas : [answer]) replica.receive(update);
      const snapshot = await store.read(page);
      assert.deepEqual(replica.position, snapshot.position);
      assert.deepEqual(Buffer.from(replica.bits.subarray(0, snapshot.bits.length)), Buffer.from(snapshot.bits));
      assert.equal(replica.checked, countBits(snapshot.bits));
      const [head] = await store.heads([page]);
      assert.deepEqual(head, { position: snapshot.position, checked: replica.checked, frozen: [] });
    };

    for (const [what, parts, left] of [
      ["its head", ["head"], NINE],
      ["its bits", ["bits"], []],
      ["its log", ["log"], NINE],
      ["head and log", ["head", "log"], NINE],
      ["head and bits", ["head", "bits"], []],
      ["bits and log", ["bits", "log"], []],
      ["its history", ["history"], NINE],
    ] as const) {
      const isWhole = parts.every((part) => part === "log" || part === "history");

      test(`that lost ${what} takes writes again, each with its effect, and all followers see the same`, async () => {
        const { page, replica, keys } = await written();
        const deltas: Delta[] = [];
        const listener = { delta: (delta: Delta) => deltas.push(delta), resumed: () => undefined };
        const unsubscribe = await store.subscribe(page, listener);
        for (const part of parts) await store.command(keys[part], "DEL", keys[part]);
        // Clearing what is there, or was: a count of 0 in the head must not hide that cell 1 is checked.
        const cleared = await commit(page, [[1, 0]]);
        const set = await commit(page, [[20, 1]]);
        assert.deepEqual([cleared.outcomes, set.outcomes], [["accepted"], ["accepted"]]);
        const expected = [...left.filter((cell) => cell !== 1), 20];
        assert.deepEqual(await checkedCells(page), expected);
        assert.equal(set.checked, expected.length);
        await until("the last write is heard of", () => deltas.at(-1)?.to.version === set.position.version);
        for (const delta of deltas) if (replica.receive(delta) === "gap") await assertFollowed(page, replica);
        await assertFollowed(page, replica);
        await commit(page, [[30, 1]]);
        await assertFollowed(page, replica);
        assert.equal(incidents.length, isWhole ? 0 : 1, incidents.join("\n"));
        unsubscribe();
      });

      test(`that lost ${what} is made whole by who reads it, too`, async () => {
        const { page, replica, keys } = await written();
        for (const part of parts) await store.command(keys[part], "DEL", keys[part]);
        await assertFollowed(page, replica);
        assert.deepEqual(await checkedCells(page), left);
        const fresh = new Replica(page.page, 65_536);
        await assertFollowed(page, fresh);
        assert.equal(incidents.length, isWhole ? 0 : 1, incidents.join("\n"));
      });
    }

    test("that lost everything is an untouched page", async () => {
      const { page, replica, keys } = await written();
      for (const key of [keys.bits, keys.head, keys.log]) await store.command(key, "DEL", key);
      await assertFollowed(page, replica);
      assert.deepEqual(replica.position, GENESIS);
    });

    test("whose log is ahead of its head, or is no stream, goes on with a new log", async () => {
      for (const spoil of ["ahead", "text"]) {
        const { page, replica, keys } = await written();
        if (spoil === "ahead") await store.command(keys.log, "XADD", keys.log, "500-0", "f", "x");
        else await store.command(keys.log, "SET", keys.log, "text");
        const { outcomes, position } = await commit(page, [[20, 1]]);
        assert.deepEqual([outcomes, position.version], [["accepted"], 10]);
        await commit(page, [[21, 1]]);
        await assertFollowed(page, replica);
        assert.equal((await store.since(page, position)).kind, "deltas");
      }
    });

    const SPOILT: readonly (readonly [string, (keys: ReturnType<typeof pageKeys>) => [string, ...string[]]])[] = [
      ["a tag that is none", ({ head }) => ["HSET", head, "t", "no tag"]],
      ["a tag that is too long", ({ head }) => ["HSET", head, "t", "A".repeat(60)]],
      ["an empty tag", ({ head }) => ["HSET", head, "t", ""]],
      ["no tag", ({ head }) => ["HDEL", head, "t"]],
      ["a version that is no number", ({ head }) => ["HSET", head, "v", "nine"]],
      ["a version below zero", ({ head }) => ["HSET", head, "v", "-9"]],
      ["a version past what is exact", ({ head }) => ["HSET", head, "v", "1e300"]],
      ["a count that is no number", ({ head }) => ["HSET", head, "n", "many"]],
      ["a head that is no hash", ({ head }) => ["SET", head, "text"]],
      ["bits that are no string", ({ bits }) => ["LPUSH", bits, "1"]],
      ["too many bits", ({ bits }) => ["SETRANGE", bits, String(2 * PAGE_BYTES), "x"]],
    ];
    for (const [what, command] of SPOILT) {
      test(`${what}: is refused and changed by nothing, is reported once, and other pages go on`, async () => {
        const { page, keys } = await written();
        const other = await written();
        const [name, key, ...args] = command(keys);
        if (name === "SET" || name === "LPUSH") await store.command(key ?? "", "DEL", key ?? "");
        await store.command(key ?? "", name, key ?? "", ...args);
        const dump = async () => {
          const dumped = [keys.bits, keys.head, keys.log, ...keys.seen].map((each) =>
            store.command(each, "DUMP", each),
          );
          return (await Promise.all(dumped)).map(String);
        };
        const before = await dump();
        for (let attempt = 0; attempt < 3; attempt++) {
          await assert.rejects(store.read(page), DamagedPage);
          await assert.rejects(commit(page, [[5, 0]], "another"), DamagedPage);
          const [, otherHead] = await store.heads([page, other.page]);
          assert.deepEqual(otherHead, { position: other.replica.position, checked: 9, frozen: [] });
        }
        assert.deepEqual(await dump(), before);
        assert.deepEqual((await commit(other.page, [[20, 1]])).outcomes, ["accepted"]);
        assert.equal(new Set(incidents).size, incidents.length, "each is reported once");
        assert.ok(incidents.length >= 1 && incidents.length <= 4, incidents.join("\n"));
        assert.ok(incidents.every((line) => line.includes(`main:${page.page}`)));
      });
    }

    test("frozen ranges that are none: its writes are refused, and nobody is told that nothing is frozen", async () => {
      for (const ranges of ["5-", "9-3", "5-70000", "everything", "1-2,".repeat(500)]) {
        const { page, keys } = await written();
        await store.command(keys.head, "HSET", keys.head, "fz", ranges);
        const outcome = await commit(page, [[20, 1]]).then(
          ({ outcomes }): WriteOutcome | string | undefined => outcomes[0],
          (error: unknown) => (error instanceof DamagedPage ? "refused" : String(error)),
        );
        assert.ok(["refused", "frozen", "accepted"].includes(outcome ?? ""), outcome);
        for (const head of await store.heads([page, page])) {
          assert.ok(head && head.position.version >= 9, "its position is known all the same");
          assert.equal(head.frozen, undefined);
        }
        assert.equal(incidents.filter((line) => line.includes("fz")).length, 1);
        assert.deepEqual(await checkedCells(page), outcome === "accepted" ? [...NINE, 20] : NINE);
      }
    });

    test("entries of the log that are none lead nowhere: the snapshot is the answer", async () => {
      const { page, replica, keys } = await written();
      const entries = await store.command(keys.log, "XRANGE", keys.log, "-", "+");
      assert.ok(Array.isArray(entries));
      const [id, fields]: [string, string[]] = entries[6];
      const after = entries.slice(7) as [string, string[]][];
      await store.command(keys.log, "XTRIM", keys.log, "MAXLEN", "0");
      await store.command(keys.log, "DEL", keys.log);
      for (const [each, values] of [...entries.slice(0, 6), [id, fields.with(5, "~~~")], ...after]) {
        await store.command(keys.log, "XADD", keys.log, each, ...values);
      }
      assert.equal((await store.since(page, GENESIS)).kind, "snapshot");
      assert.equal((await store.since(page, { ...replica.position, version: 7 })).kind, "snapshot");
      await assertFollowed(page, replica);
    });

    test("entries of the overview that are none are left out, the others are there", async () => {
      const board = "listed";
      const { list } = NAMES.overview(board);
      await store.overview.report(board, [{ page: 1, version: 1, checked: 5 }]);
      await store.command(
        list,
        "HSET",
        list,
        "2",
        "text",
        "three",
        "1:1",
        "4",
        "1:70000",
        "70000",
        "1:1",
        "5",
        "1e3:1",
      );
      incidents = [];
      for (let read = 0; read < 3; read++) {
        assert.deepEqual(await store.overview.read(board), [{ page: 1, version: 1, checked: 5 }]);
      }
      assert.equal(incidents.length, 1);
    });

    test("a message on the overview's channel that no store publishes is ignored, and reported once", async () => {
      const { channel } = NAMES.overview("strange");
      let messages = 0;
      const unsubscribe = await store.overview.subscribe("strange", { changed: () => messages++, resumed: () => {} });
      incidents = [];
      for (let count = 0; count < 2; count++) await store.command(channel, "PUBLISH", channel, "hello");
      await until("both have arrived", () => messages === 2);
      unsubscribe();
      assert.deepEqual(incidents, [
        "a message on the overview channel of board strange is not valid and was ignored: " +
          "check which program publishes there",
      ]);
    });

    test("a key of no page that has a wrong type is a failure to log, which names it, and no damaged page", async () => {
      const { list } = NAMES.overview("spoilt");
      const limit = `${NAMES.limits}address`;
      for (const [key, named, call] of [
        [NAMES.roll.heard, NAMES.roll.heard, () => store.enroll("id", "record")],
        [NAMES.roll.records, NAMES.roll.records, () => store.enroll("id", "record")],
        [list, list, () => store.overview.read("spoilt")],
        [list, list, () => store.overview.report("spoilt", [{ page: 1, version: 1, checked: 5 }])],
        [limit, `${NAMES.limits}*`, () => store.countRequest("address", 60_000)],
      ] as const) {
        await store.command(key, "DEL", key);
        await store.command(key, "RPUSH", key, "text");
        await store.command(key, "PEXPIRE", key, "60000");
        await assert.rejects(call(), (error) => {
          assert.ok(error instanceof Error && !(error instanceof DamagedPage), String(error));
          assert.ok(error.message.includes(named), error.message);
          return true;
        });
        await store.command(key, "DEL", key);
      }
    });

    test("a history that is no stream is reported once, and named", async () => {
      const { page, keys } = await written();
      await store.command(keys.history, "DEL", keys.history);
      await store.command(keys.history, "SET", keys.history, "text");
      for (let attempt = 0; attempt < 2; attempt++)
        await assert.rejects(store.history(page, { fromMs: 0, toMs: Date.now() }), DamagedPage);
      assert.equal(incidents.length, 1, incidents.join("\n"));
      assert.match(incidents[0] ?? "", new RegExp(`^the history of page main:${page.page} is not valid`));
    });

    test("a damaged page is repaired by a restore, which is reported", async () => {
      const { page, keys, replica } = await written();
      await store.command(keys.head, "HSET", keys.head, "t", "no tag", "n", "many");
      await assert.rejects(store.read(page), DamagedPage);
      const bits = new Uint8Array(2);
      setBit(bits, 3, 1);
      assert.equal((await store.replace(page, newTag(), bits)).isReplaced, true);
      await assertFollowed(page, replica);
      assert.deepEqual(await checkedCells(page), [3]);
      assert.match(incidents.at(-1) ?? "", /valid again/);
    });
  });
}
