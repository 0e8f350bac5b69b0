import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { getBit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { EmbeddedStore } from "../../src/store/embedded-store.js";
import { StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { temporaryFolder } from "../support/folder.js";
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
  const writer = spawn(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "endless-writer.ts"), directory],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
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

function onWrite(cell: number) {
  return { session: "", seq: 1, changes: packChanges([[cell, 1]]) };
}
