/* Boards as files: to and fro between stores, cut off, damaged, and under people who are watching. */

import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";
import { usedBytes } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { addBoard } from "../../src/server/admin/board-admin.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type Store, StoreAway } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { exportBoard, importBoard } from "../../src/store/transfer/board-transfer.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { bitsOf, storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { runCommand } from "../support/command.js";
import { temporaryFolder } from "../support/folder.js";
import { spawnInstance, startInstance } from "../support/instances.js";
import { Random } from "../support/random.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const GIANT = { name: "giant", size: 1_000_000_000 };
const MAIN = { name: "main", size: 70_000 };

/** Within this time everybody shows what was restored. */
const RESTORED_MS = 3_000;

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split("\n");
}

async function exported(store: Store, board = GIANT, fromPage = 0): Promise<string> {
  let text = "";
  for await (const line of exportBoard(store, board, fromPage)) text += line;
  return text;
}

function set(store: Store, board: string, page: number, cells: readonly number[]) {
  const changes = packChanges(cells.map((cell) => [cell, 1]));
  return store.commit({ board, page }, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
}

/** Some pages of all kinds: a cell or two, a random tenth, everything, and one that was cleared again. */
async function fill(store: Store, seed: number): Promise<number[]> {
  const random = new Random(seed);
  const pages = [0, 1, 2, 6_543, 15_258];
  await set(store, GIANT.name, 0, [0]);
  await set(
    store,
    GIANT.name,
    1,
    Array.from({ length: 4_000 }, () => random.whole(0, 65_535)),
  );
  for (let start = 0; start < 65_536; start += 4_096) {
    await set(
      store,
      GIANT.name,
      2,
      Array.from({ length: 4_096 }, (_, at) => start + at),
    );
  }
  await set(store, GIANT.name, 6_543, [65_535, 17]);
  await set(store, GIANT.name, 15_258, [random.whole(0, 99)]);
  await store.replace({ board: GIANT.name, page: 77 }, newTag(), Uint8Array.of(1));
  await store.replace({ board: GIANT.name, page: 77 }, newTag(), new Uint8Array(0));
  return pages;
}

async function bitsOfPages(store: Store, pages: readonly number[]): Promise<string[]> {
  const snapshots = await Promise.all(pages.map((page) => store.read({ board: GIANT.name, page })));
  return snapshots.map(({ bits }) => Buffer.from(bits.subarray(0, usedBytes(bits))).toString("hex"));
}

/** A store that replaces pages one turn of the event loop after another, and counts what it has not answered yet. */
class SlowStore {
  readonly inner: Store;
  readonly store: Store;
  underWay = 0;
  /** The page whose replacing fails. */
  failsAt: number | undefined;
  failed = 0;

  constructor(inner: Store) {
    this.inner = inner;
    const replace: Store["replace"] = async (page, tag, bits) => {
      this.underWay++;
      try {
        for (let turn = 0; turn < page.page % 100; turn++) await immediate();
        if (page.page === this.failsAt) throw new StoreAway("it is away", { sent: false });
        return await inner.replace(page, tag, bits);
      } catch (error) {
        this.failed++;
        throw error;
      } finally {
        this.underWay--;
      }
    };
    this.store = new Proxy(inner, {
      get: (target, name) => {
        if (name === "replace") return replace;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

describe("a board as a file", () => {
  let server: ServerProcess;
  let valkey: ValkeyStore;
  let embedded: EmbeddedStore;
  before(async () => {
    server = await startServer();
    valkey = await ValkeyStore.open({ url: server.url });
    embedded = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(async () => {
    await valkey.close();
    await embedded.close();
    await server.stop();
  });

  test("a billion cells go from the embedded store to Valkey and back, and only what is checked takes a line", async () => {
    const pages = await fill(embedded, 1);
    const file = await exported(embedded);
    assert.equal(file.trim().split("\n").length, pages.length + 2);
    // What is there before and not in the file goes.
    await set(valkey, GIANT.name, 9_000, [1, 2, 3]);
    await set(valkey, GIANT.name, 6_543, [18]);
    const imported = await importBoard(valkey, GIANT, linesOf(file));
    assert.deepEqual([imported.pages, imported.replaced], [pages.length, pages.length + 1]);
    assert.deepEqual(await bitsOfPages(valkey, [...pages, 9_000]), await bitsOfPages(embedded, [...pages, 9_000]));
    const listed = await valkey.overview.read(GIANT.name);
    assert.equal(
      listed.reduce((sum, { checked }) => sum + checked, 0),
      imported.checked,
    );
    assert.equal((await importBoard(valkey, GIANT, linesOf(file))).replaced, 0);
    assert.equal((await importBoard(embedded, GIANT, linesOf(await exported(valkey)))).replaced, 0);
  });

  test("a file that is cut off imports up to there, says where to go on, and the rest completes it", async () => {
    const pages = await fill(embedded, 2);
    const file = await exported(embedded);
    const lines = file.split("\n");
    const whole = lines.slice(0, 4).join("\n");
    const cut = `${whole}\n${lines[4]?.slice(0, 30)}`;
    await set(valkey, GIANT.name, 8_000, [5]);
    await assert.rejects(importBoard(valkey, GIANT, linesOf(whole)), /ends early. Export the rest with --from-page 3/);
    await assert.rejects(importBoard(valkey, GIANT, linesOf(cut)), /incomplete.*Export the rest with --from-page 3/);
    assert.deepEqual(await bitsOfPages(valkey, [0, 1, 2]), await bitsOfPages(embedded, [0, 1, 2]));
    assert.equal((await valkey.heads([{ board: GIANT.name, page: 8_000 }]))[0]?.checked, 1);
    const rest = await exported(embedded, GIANT, 3);
    await importBoard(valkey, GIANT, linesOf(rest));
    assert.deepEqual(await bitsOfPages(valkey, [...pages, 8_000]), await bitsOfPages(embedded, [...pages, 8_000]));
  });

  for (const [name, damage, message] of [
    ["of something else", () => '{"hello":1}\n', /not an exported board/],
    ["of a later format", (file: string) => file.replace('"format":1', '"format":2'), /reads format 1/],
    ["that is empty", () => "", /empty/],
    ["with other bits than their checksum", (file: string) => file.replace(/"crc32":\d/, '"crc32":9'), /checksum/],
    [
      "with a count that is not that of its bits",
      (file: string) => file.replace('"checked":1,', '"checked":2,'),
      /checksum/,
    ],
    ["with pages out of order", (file: string) => file.replace('"page":6543', '"page":1'), /out of order/],
    ["of a larger board", (file: string) => file.replace(/"size":\d+/, '"size":4000000000'), /4,000,000,000 cells/],
    [
      "that goes on after its end",
      (file: string) => `${file}{"end":true,"pages":0,"checked":0}\n`,
      /continues after the end of the board/,
    ],
  ] as const) {
    test(`a file ${name} is refused`, async () => {
      await fill(embedded, 3);
      const file = damage(await exported(embedded));
      await assert.rejects(importBoard(embedded, { ...GIANT, name: "target" }, linesOf(file)), message);
    });
  }

  for (const [name, damage, error] of [
    [
      "pages out of order",
      (lines: string[]) => [...lines.slice(0, 4), lines[2] ?? "", ...lines.slice(4)],
      /page 1 is out of order/,
    ],
    [
      "a page with more cells than its board",
      (lines: string[]) => [lines[0]?.replace(/"size":\d+/, '"size":131073') ?? "", ...lines.slice(1)],
      /page 2 has cells that the board does not have/,
    ],
    [
      "more after its end",
      (lines: string[]) => [...lines.slice(0, -1), '{"page":15258}'],
      /continues after the end of the board/,
    ],
  ] as const) {
    test(`a file with ${name} is refused when what was read of it is stored and counted, with nothing under way`, async () => {
      await fill(embedded, 4);
      const lines = damage((await exported(embedded)).split("\n"));
      const directory = temporaryFolder({ after });
      const slow = new SlowStore(await EmbeddedStore.open({ directory }));
      const told: number[] = [];
      const importing = importBoard(
        slow.store,
        GIANT,
        linesOf(lines.join("\n")),
        () => undefined,
        (page) => told.push(page),
      );
      await assert.rejects(importing, error);
      assert.equal(slow.underWay, 0);
      assert.ok(told.length >= 2, `${told.length} pages`);
      const listed = await slow.inner.overview.read(GIANT.name);
      assert.deepEqual(
        listed.map(({ page }) => page).toSorted((a, b) => a - b),
        told.toSorted((a, b) => a - b),
        "their counts are reported",
      );
      await slow.inner.close();
    });
  }

  test("an import from lines that fail, into a store that fails, ends when nothing is under way", async () => {
    await fill(embedded, 5);
    const lines = (await exported(embedded)).split("\n");
    const slow = new SlowStore(await EmbeddedStore.open({ directory: temporaryFolder({ after }) }));
    slow.failsAt = 1;
    const failing = async function* () {
      yield* lines.slice(0, 4);
      // Meanwhile a page has failed, and nobody has been told yet.
      await until("a page has failed", () => slow.failed === 1);
      throw new Error("the disk is gone");
    };
    await assert.rejects(importBoard(slow.store, GIANT, failing()), StoreAway);
    assert.equal(slow.underWay, 0);
    assert.deepEqual(
      (await slow.inner.overview.read(GIANT.name)).map(({ page }) => page),
      [0, 2],
      "what was done is counted",
    );
    await slow.inner.close();
  });

  test("a page restored from an older file under live clients shows on every one, with no reload, and writes go on", async (t) => {
    const flags = {
      VALKEY_URL: server.url,
      BOARDS: `main=${MAIN.size}`,
      WRITE_BURST: "10000",
      WRITES_PER_SECOND: "10000",
    };
    const instances = await Promise.all([startInstance(flags), startInstance(flags)]);
    const clients = await Promise.all(instances.flatMap(({ url }) => [watchBoard(url), watchBoard(url)]));
    t.after(async () => {
      for (const client of clients) client.close();
      for (const instance of instances) await instance.stop();
    });
    const boards = clients.map(({ board }) => board);
    const [one, two] = boards;
    const [instance] = instances;
    assert.ok(one && two && instance);
    await Promise.all([one.set(5, true), two.set(66_000, true)]);
    const older = await storedBits(instance.url, MAIN.size);
    const file = await exported(valkey, MAIN);
    for (let cell = 0; cell < 300; cell++) void boards[cell % boards.length]?.set(cell * 230, true);
    await until("the later writes are through", () => boards.every(({ pending }) => pending === 0));
    assert.notEqual(await storedBits(instance.url, MAIN.size), older);
    let downs = 0;
    for (const { client } of clients) client.on("state", ({ connected }) => (downs += connected ? 0 : 1));
    // As the command does it: another process's connection.
    const other = await ValkeyStore.open({ url: server.url });
    t.after(() => other.close());
    assert.equal((await importBoard(other, MAIN, linesOf(file))).replaced, 2);
    await untilAllShow(boards, older, RESTORED_MS);
    assert.equal(downs, 0);
    await two.set(6, true);
    await untilAllShow(boards, `${older.slice(0, 6)}1${older.slice(7)}`);
    assert.equal(bitsOf(one)[5], "1");
  });

  test("an older dump of Valkey that is restored under live clients shows on each of them, with its counts", async (t) => {
    const dumped = await startServer();
    t.after(() => dumped.stop());
    const flags = {
      VALKEY_URL: dumped.url,
      BOARDS: `main=${MAIN.size}`,
      WRITE_BURST: "10000",
      WRITES_PER_SECOND: "10000",
    };
    const instances = await Promise.all([startInstance(flags), startInstance(flags)]);
    const clients = await Promise.all(instances.map(({ url }) => watchBoard(url)));
    t.after(async () => {
      for (const client of clients) client.close();
      for (const instance of instances) await instance.stop();
    });
    const boards = clients.map(({ board }) => board);
    const [one, two] = boards;
    const [instance] = instances;
    assert.ok(one && two && instance);
    await Promise.all(boards.map((board) => board.watchOverview().ready));
    await Promise.all([one.set(5, true), two.set(66_000, true)]);
    const older = await storedBits(instance.url, MAIN.size);
    const backup = await ValkeyStore.open({ url: dumped.url });
    await backup.command("any", "SAVE");
    await backup.close();
    copyFileSync(join(dumped.directory, "dump.rdb"), join(dumped.directory, "older.rdb"));
    await Promise.all(Array.from({ length: 100 }, (_, cell) => one.set(cell * 600, true)));
    await until("the overview has them", () => boards.every(({ overview }) => (overview?.total ?? 0) >= 100));
    await dumped.kill();
    copyFileSync(join(dumped.directory, "older.rdb"), join(dumped.directory, "dump.rdb"));
    await dumped.restart();
    const restartedMs = performance.now();
    await untilAllShow(boards, older, RESTORED_MS);
    await until(
      "the counts are those of the dump",
      () => boards.every(({ overview }) => overview?.total === 2),
      RESTORED_MS - (performance.now() - restartedMs),
    );
    assert.deepEqual(
      boards.map(({ overview }) => [overview?.count(0), overview?.count(1)]),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });
});

/** The one line of audit, without its time and level. */
function auditIn(output: string): Record<string, unknown> {
  const { time, level, ...line }: Record<string, unknown> = JSON.parse(output);
  assert.equal(level, 30);
  assert.ok(typeof time === "string");
  return line;
}

describe("socketscaler export and import", () => {
  test("write a file that is not there yet, and set a board that is being served", async (t) => {
    const folder = temporaryFolder(t);
    const server = await startServer();
    t.after(() => server.stop());
    const instance = await spawnInstance({ VALKEY_URL: server.url, BOARDS: "main=100" });
    t.after(() => instance.kill());
    const { board, close } = await watchBoard(instance.url);
    t.after(close);
    await board.set(7, true);
    const file = join(folder, "main.jsonl");
    const env = { VALKEY_URL: server.url, BOARDS: "main=100" };
    const done = await runCommand(["export", "--out", file], env);
    assert.deepEqual([done.code, done.stdout, done.stderr], [0, "", ""]);
    assert.equal((await runCommand(["export"], env)).stdout, readFileSync(file, "utf8"));
    const again = await runCommand(["export", "--out", file], env);
    assert.deepEqual(
      [again.code, again.stderr],
      [1, `socketscaler: the file already exists (${file}): choose another name, or remove it\n`],
    );
    await board.set(8, true);
    const imported = await runCommand(["import", file], env);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stderr, /imported 1 checked cell on 1 page into board main and changed 1 page/);
    assert.deepEqual(auditIn(imported.stdout), {
      audit: "import",
      board: "main",
      pages: 1,
      file,
      by: userInfo().username,
      outcome: "done",
      msg: "admin action",
    });
    await until("the client shows the file's state", () => board.get(7) === true && board.get(8) === false);
  });

  test("leaves a line of what it set, also of a file that stopped early, and whatever the log level", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "cut.jsonl");
    const store = await EmbeddedStore.open({ directory: join(folder, "from") });
    for (const page of [0, 1]) await set(store, "main", page, [5]);
    const lines = (await exported(store, { name: "main", size: 131_072 })).split("\n");
    await store.close();
    writeFileSync(file, `${lines.slice(0, 2).join("\n")}\n${lines[2]?.slice(0, 20)}`);
    const env = { DATA_DIR: join(folder, "to"), BOARDS: "main=131072", LOG_LEVEL: "fatal" };
    const cut = await runCommand(["import", file], env);
    assert.deepEqual(
      [cut.code, cut.stderr],
      [
        1,
        "socketscaler: a line is incomplete, because the file was cut off or damaged. Export the rest with --from-page 1, then import that file too\n",
      ],
    );
    const { pages, outcome } = auditIn(cut.stdout);
    assert.deepEqual([pages, outcome], [1, "stopped"]);
    assert.equal((await runCommand(["import", file], { ...env, LOG_LEVEL: "silent" })).stdout, "");
  });

  test("accept a file with any line endings, and with a byte order mark", async (t) => {
    const folder = temporaryFolder(t);
    const store = await EmbeddedStore.open({ directory: join(folder, "from") });
    await set(store, "main", 0, [5, 7]);
    const text = await exported(store, { name: "main", size: 100 });
    await store.close();
    const file = join(folder, "both.jsonl");
    writeFileSync(file, `\uFEFF${text.replaceAll("\n", "\r\n").trimEnd()}`);
    const done = await runCommand(["import", file], { DATA_DIR: join(folder, "to") });
    assert.equal(done.stderr, "imported 2 checked cells on 1 page into board main and changed 1 page\n");
    assert.equal(done.code, 0);
  });

  test("report a failure from outside in one line, without a stack trace", async (t) => {
    const folder = temporaryFolder(t);
    const env = { DATA_DIR: join(folder, "data") };
    const fates: Record<string, string> = {};
    /** By a shell, which redirects; `$@` is the command. */
    for (const [name, args, script] of [
      ["to a full disk", ["export"], '"$@" > /dev/full'],
      ["to a closed pipe", ["export"], 'exec 3> >(true); wait $!; "$@" >&3'],
      ["help to a full disk", ["--help"], '"$@" > /dev/full'],
      ["a board of Object's", ["export", "--board", "constructor"], undefined],
      ["from a folder", ["import", folder], undefined],
    ] as const) {
      const { code, stderr } = await runCommand(args, env, script);
      assert.notEqual(code, 0, `${name}: ${stderr}`);
      const lines = stderr.trim().split("\n");
      assert.equal(lines.length, 1, `${name}: ${stderr}`);
      fates[name] = lines[0]?.replace("socketscaler: ", "") ?? "";
      assert.doesNotMatch(stderr, /\n\s+at |Error:|E[A-Z]{4,}/, name);
    }
    assert.match(fates["to a full disk"] ?? "", /^the disk is full/);
    assert.match(fates["a board of Object's"] ?? "", /--board is "constructor"/);
    assert.match(fates["to a closed pipe"] ?? "", /^the output was closed/);
    assert.match(fates["from a folder"] ?? "", /this is a folder/);
  });

  test("take a board's size from the store: one added at run time is written, and an import grows one", async (t) => {
    const folder = temporaryFolder(t);
    const server = await startServer();
    t.after(() => server.stop());
    const flags = { VALKEY_URL: server.url, BOARDS: "main=100" };
    const instance = await startInstance(flags);
    t.after(() => instance.stop());
    await addBoard(instance.instance, "hall", 240);
    const { board, close } = await watchBoard(instance.url, "hall");
    t.after(close);
    await board.set(239, true);
    const file = join(folder, "hall.jsonl");
    const exported = await runCommand(["export", "--board", "hall", "--out", file], flags);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(readFileSync(file, "utf8"), /"size":240,.*\n.*"checked":1/);
    const into = (size: number) =>
      runCommand(["import", file, "--board", "copy"], { ...flags, BOARDS: `main=100,copy=${size}` });
    const small = await into(100);
    assert.deepEqual([small.code, /resize it, or enlarge it in BOARDS/.test(small.stderr)], [1, true], small.stderr);
    const large = await into(240);
    assert.equal(large.code, 0, large.stderr);
    await until("the instance serves the copy", () => instance.instance.boards.get("copy")?.size === 240);
    const copy = await watchBoard(instance.url, "copy");
    t.after(copy.close);
    assert.equal(copy.board.get(239), true);
  });

  test("keep owners whatever CLAIMS is here, or say that it is needed", async (t) => {
    const folder = temporaryFolder(t);
    const server = await startServer();
    t.after(() => server.stop());
    const flags = { VALKEY_URL: server.url, BOARDS: "seats=100" };
    const instance = await startInstance({ ...flags, CLAIMS: "seats=5m" });
    t.after(() => instance.stop());
    const { board, close } = await watchBoard(instance.url, "seats");
    t.after(close);
    await board.set(7, true);
    const file = join(folder, "seats.jsonl");
    const exported = await runCommand(["export", "--board", "seats", "--out", file], { VALKEY_URL: server.url });
    assert.equal(exported.code, 0, exported.stderr);
    await board.set(7, false);
    const without = await runCommand(["import", file, "--board", "seats"], flags);
    assert.equal(without.code, 2, "the cells would be nobody's");
    assert.match(
      without.stderr,
      /in the store, board seats has holds of 300 s, but CLAIMS gives it no claims: use the same CLAIMS/,
    );
    const copied = await runCommand(["import", file, "--board", "copy"], {
      ...flags,
      BOARDS: "copy=100",
      CLAIMS: "seats=5m,copy=2m",
    });
    assert.equal(copied.code, 0, copied.stderr);
    assert.deepEqual((await instance.instance.store.boards.list())?.get("copy"), { size: 100, claims: "hold:120000" });
    const restored = await runCommand(["import", file, "--board", "seats"], { ...flags, CLAIMS: "seats=5m" });
    assert.equal(restored.code, 0, restored.stderr);
    await until("it is theirs again", () => board.get(7) === true && board.mine.has(7));
  });

  test("say in one line what is wrong", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "bad.jsonl");
    writeFileSync(file, '{"socketscaler":"board"');
    const held = await EmbeddedStore.open({ directory: join(folder, "held") });
    t.after(() => held.close());
    for (const [args, dataDir, code, line] of [
      [["export"], "held", 1, /data folder .* is in use by another process: stop that process/],
      [["import", file], "free", 1, /incomplete/],
      [["import", join(folder, "none")], "free", 1, /does not exist/],
      [["export", "--board", "other"], "free", 2, /--board is "other"/],
      [["export", "--from-page", "1"], "free", 2, /--from-page is "1"/],
    ] as const) {
      const result = await runCommand(args, { DATA_DIR: join(folder, dataDir) });
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, line);
      assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
    }
  });
});
