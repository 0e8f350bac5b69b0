/* A client of protocol 2 that was written from PROTOCOL.md alone, in another language, against real instances. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { watchBoard } from "../support/clients.js";
import { startInstance } from "../support/instances.js";
import { PythonWatcher, runPython } from "../support/python.js";
import { Random } from "../support/random.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SIZE = PAGE_CELLS + 10_000;
const FLAGS = { BOARDS: `main=${SIZE}`, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

async function startTwo(t: TestContext) {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const stores = await Promise.all([1, 2].map(() => ValkeyStore.open({ url: valkey.url })));
  const [first, second] = await Promise.all(stores.map((store) => startInstance(FLAGS, store)));
  assert.ok(first && second);
  t.after(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await Promise.all(stores.map((store) => store.close()));
  });
  return { first, second };
}

async function storedPage(url: string, page: number): Promise<string> {
  const response = await fetch(`${url}/boards/main/pages/${page}`, { headers: { "Cache-Control": "no-cache" } });
  assert.equal(response.status, 200);
  return Buffer.from(await response.arrayBuffer()).toString("hex");
}

/** The bitmap that the client prints, without the bytes that the page does not have. */
async function dumped(watcher: PythonWatcher, page: number, bytes: number): Promise<string> {
  const before = watcher.lines.length;
  watcher.say(`dump ${page}`);
  const line = () => watcher.lines.slice(before).find((each) => each.startsWith(`page ${page} `));
  await until(`a dump of page ${page}; ${watcher.lines.slice(-3).join(" | ")}`, () => line() !== undefined);
  return (line()?.split(" ")[3] ?? "").slice(0, bytes * 2);
}

describe("the client in Python", () => {
  test("holds what the store holds, through random writes, a cut and another instance", async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    const { first, second } = await startTwo(t);
    const proxy = await TcpProxy.start(first.port);
    t.after(() => proxy.close());
    const writers = await Promise.all([first.url, second.url].map((url) => watchBoard(url)));
    t.after(() => {
      for (const writer of writers) writer.close();
    });
    const write = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const { board } = random.pick(writers);
        // Mostly of one page, so that continuations occur.
        const [start, end] = random.chance(0.2) ? [PAGE_CELLS, SIZE] : [0, PAGE_CELLS];
        const length = random.chance(0.5) ? 1 : random.whole(2, 120);
        const cells = Array.from({ length }, () => random.whole(start, end - 1));
        await Promise.all([...new Set(cells)].map((cell) => board.set(cell, random.chance(0.7))));
      }
    };
    // Enough that each page comes as a snapshot: the first as its checked cells, the second as a bitmap.
    for (let chunk = 0; chunk < 12; chunk++) {
      const cells = Array.from({ length: 500 }, () =>
        chunk % 2 ? random.whole(0, PAGE_CELLS - 1) : random.whole(PAGE_CELLS, SIZE - 1),
      );
      await Promise.all([...new Set(cells)].map((cell) => random.pick(writers).board.set(cell, true)));
    }
    const watcher = new PythonWatcher(`http://127.0.0.1:${proxy.port}`, "main");
    t.after(() => watcher.stop());
    const said = (text: string) => watcher.lines.filter((line) => line.startsWith(text)).length;
    await until("both pages are joined", () => said("joined ") === 2).catch((error: unknown) =>
      assert.fail(`${error}: ${watcher.lines.join("\n")}`),
    );
    await Promise.all([write(40), ...[5, 70_000].map(async (cell) => watcher.say(`set ${cell} 1`))]);
    await until("its writes are committed", () => said("committed ") === 2);
    proxy.moveTo(second.port);
    proxy.cut();
    for (const cell of [6, 70_001]) watcher.say(`set ${cell} 1`);
    await write(40);
    await until("both pages are joined again", () => said("joined ") === 4);
    await until("all its writes are committed", () => said("committed ") === 4);
    assert.equal(said("connecting again"), 1);
    for (const page of [0, 1]) {
      const expected = await storedPage(second.url, page);
      await until(`page ${page} is as in the store`, async () => {
        const shown = await dumped(watcher, page, expected.length / 2);
        return shown === expected;
      });
    }
    // The random writes may come in larger batches. After one delta of a page, each further one is a
    // continuation: of a click in varints, of many cells with Rice coding.
    const deltas = () => watcher.lines.filter((line) => /^kind ([89]|1[01])$/.test(line)).length;
    const writer = random.pick(writers);
    for (const cells of [[30], [31], Array.from({ length: 120 }, (_, index) => 100 + index * 500)]) {
      const before = deltas();
      await Promise.all(cells.map((cell) => writer.board.set(cell, !writer.board.get(cell))));
      await until("its delta has arrived", () => deltas() > before);
    }
    // Acknowledgements, snapshots, whole deltas, and continuations in both codings.
    for (const kinds of ["2", "5", "[89]", "10", "11"])
      assert.ok(
        watcher.lines.some((line) => new RegExp(`^kind ${kinds}$`).test(line)),
        `no message of kind ${kinds}`,
      );
  });

  test("its commands set a cell and dump a page; a board that is not there ends it", async (t) => {
    const { first, second } = await startTwo(t);
    assert.deepEqual(await runPython(first.url, "main", "set", "9", "1"), { stdout: "", stderr: "", code: 0 });
    const { stdout, code } = await runPython(second.url, "main", "dump", "0");
    assert.equal(code, 0);
    assert.match(stdout, /^page 0 1\.[\w-]{8} 0040(00)+\n$/);
    const refused = await runPython(first.url, "other", "dump", "0");
    assert.deepEqual(refused, { stdout: "", stderr: "There is no board with that name. Check the name.\n", code: 1 });
  });
});
