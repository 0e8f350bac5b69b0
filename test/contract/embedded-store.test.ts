import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { open } from "lmdb";
import { getBit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { DamagedPage } from "../../src/store/damage.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { temporaryFolder } from "../support/folder.js";
import { program } from "../support/program.js";
import { CONTRACT_HISTORIES, historyContract } from "./history-contract.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

storeContract("embedded", async () => {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const store = await EmbeddedStore.open({ directory, limits: CONTRACT_LIMITS });
  return {
    store,
    close: async () => {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

historyContract("embedded", async () => {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const store = await EmbeddedStore.open({ directory, histories: CONTRACT_HISTORIES });
  return {
    store,
    close: async () => {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

test("a directory with a dot in its name is a directory", async (t) => {
  const directory = join(temporaryFolder(t), "boards.v2");
  const store = await EmbeddedStore.open({ directory });
  await store.close();
});

test("a board survives closing and opening again", async (t) => {
  const directory = temporaryFolder(t);
  const page = { board: "main", page: 0 };
  const first = await EmbeddedStore.open({ directory });
  const { position } = await first.commit(page, { tag: newTag(), writes: [onWrite(42)] });
  await first.close();
  const second = await EmbeddedStore.open({ directory });
  const snapshot = await second.read(page);
  assert.deepEqual(snapshot.position, position);
  assert.equal(getBit(snapshot.bits, 42), 1);
  await second.close();
});

test("a second opening of the directory is refused with what to do", async (t) => {
  const directory = temporaryFolder(t);
  const store = await EmbeddedStore.open({ directory });
  await assert.rejects(EmbeddedStore.open({ directory }), (error) => {
    assert.ok(error instanceof StoreUnusable);
    assert.match(error.message, /VALKEY_URL/);
    return true;
  });
  await store.close();
  await (await EmbeddedStore.open({ directory })).close();
});

test("a process killed while it commits leaves every acknowledged write, and no lock", async (t) => {
  const directory = temporaryFolder(t);
  const writer = spawn(process.execPath, [...program("test/contract/endless-writer.ts"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged: number[] = [];
  for await (const line of createInterface(writer.stdout)) {
    acknowledged.push(Number(line));
    if (acknowledged.length === 300) writer.kill("SIGKILL");
  }
  const store = await EmbeddedStore.open({ directory });
  const { bits } = await store.read({ board: "main", page: 0 });
  assert.ok(acknowledged.length >= 300);
  assert.deepEqual(
    acknowledged.filter((cell) => getBit(bits, cell) === 0),
    [],
  );
  await store.close();
});

test("a page whose record is not valid is refused and reported once, and other pages go on", async (t) => {
  const directory = temporaryFolder(t);
  const pages = Array.from({ length: 4 }, (_, page) => ({ board: "main", page }));
  const before = await EmbeddedStore.open({ directory });
  for (const page of pages) await before.commit(page, { tag: newTag(), writes: [onWrite(1)] });
  const good = (await before.heads(pages))[3];
  await before.close();
  const root = open({ path: directory, noSubdir: false, maxDbs: 6 });
  const records = root.openDB<Buffer, [string, number]>({ name: "pages", encoding: "binary" });
  await records.put(["main", 0], Buffer.from("text"));
  await records.put(["main", 1], Buffer.alloc(20_000));
  await records.put(["main", 2], Buffer.alloc(40, 0xff));
  await root.close();

  const incidents: string[] = [];
  const store = await EmbeddedStore.open({ directory, incident: (line) => incidents.push(line) });
  t.after(() => store.close());
  for (let attempt = 0; attempt < 2; attempt++) {
    assert.deepEqual(await store.heads(pages), [undefined, undefined, undefined, good]);
    for (const page of pages.slice(0, 3)) {
      await assert.rejects(store.read(page), DamagedPage);
      assert.deepEqual(await store.frozen(page), []);
      await assert.rejects(store.since(page, { version: 0, tag: newTag() }), DamagedPage);
      await assert.rejects(store.commit(page, { tag: newTag(), writes: [onWrite(2)] }), DamagedPage);
    }
  }
  assert.equal(incidents.length, 3, incidents.join("\n"));
  const last = pages[3];
  assert.ok(last);
  assert.equal((await store.commit(last, { tag: newTag(), writes: [onWrite(2)] })).position.version, 2);
});

test("a damaged page is repaired by a restore, also to no bits, and told again if damaged anew", async (t) => {
  const directory = temporaryFolder(t);
  const incidents: string[] = [];
  const ref = { board: "main", page: 0 };
  const store = await EmbeddedStore.open({ directory, incident: (line) => incidents.push(line) });
  t.after(() => store.close());
  for (const cell of [1, 2, 3]) await store.commit(ref, { tag: newTag(), writes: [onWrite(cell)] });
  const root = open({ path: directory, noSubdir: false, maxDbs: 6 });
  const records = root.openDB<Buffer, [string, number]>({ name: "pages", encoding: "binary" });
  const versions: number[] = [];
  for (const bits of [new Uint8Array([1]), new Uint8Array(0)]) {
    await records.put(["main", 0], Buffer.from("text"));
    incidents.length = 0;
    // A read transaction of lmdb is shared until a timer of 0 ms that its first read has set. A read
    // before that would not see a change that came past the store.
    await new Promise((done) => setTimeout(done, 0));
    await assert.rejects(store.read(ref), DamagedPage);
    const replaced = await store.replace(ref, newTag(), bits);
    assert.ok(replaced.isReplaced);
    assert.deepEqual(await store.read(ref), { kind: "snapshot", page: 0, position: replaced.position, bits });
    assert.equal((await store.heads([ref]))[0]?.checked, bits.length);
    assert.deepEqual(
      incidents.map((line) => line.replace(/ in the store.*/, "")),
      ["the record of page main:0 is not valid", "the record of page main:0 is valid again"],
    );
    versions.push(replaced.position.version);
  }
  assert.equal(versions[0], 4, "newer than all that the log has");
  await root.close();
  assert.deepEqual((await store.commit(ref, { tag: newTag(), writes: [onWrite(9)] })).outcomes, ["accepted"]);
});

test("sessions are remembered for the promised time whatever the wall clock does, and then forgotten", async (t) => {
  const clock = { wallMs: Date.now(), elapsedMs: 0 };
  const { seenMs } = CONTRACT_LIMITS;
  const page = { board: "main", page: 0 };
  const store = await EmbeddedStore.open({
    directory: temporaryFolder(t),
    limits: CONTRACT_LIMITS,
    now: () => clock.wallMs,
    elapsed: () => clock.elapsedMs,
  });
  t.after(() => store.close());
  const outcome = async (session: string) => {
    const writes = [{ session, seq: 1, changes: packChanges([[1, 1]]) }];
    return (await store.commit(page, { tag: newTag(), writes })).outcomes[0];
  };
  assert.equal(await outcome("retried"), "accepted");
  for (const [at, jumpMs] of [seenMs * 1.1, -seenMs * 1.1, seenMs * 100, -seenMs * 200, seenMs * 1.1].entries()) {
    clock.wallMs += jumpMs;
    clock.elapsedMs += 1_000;
    assert.equal(await outcome(`other ${at}`), "accepted");
    assert.equal(await outcome("retried"), "duplicate");
  }
  // The retries changed nothing, so they were remembered no longer for it.
  for (let generation = 0; generation < 2; generation++) {
    clock.elapsedMs += seenMs + 1;
    await outcome(`later ${generation}`);
  }
  assert.equal(await outcome("retried"), "accepted");
});

function onWrite(cell: number) {
  return { session: "", seq: 1, changes: packChanges([[cell, 1]]) };
}
