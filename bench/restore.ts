/*
 * Question: when a page is set back to an older state under people who are watching, how long until every client shows it?
 * With `import` of an exported board, and with Valkey itself started again from an older dump.
 *
 * Two instances on one Valkey, 100 clients on each, all on one page of a board of a billion cells. Time is from the start of
 * the import, or from the moment at which Valkey takes connections again, until the last client has the older bits; no client
 * connects anew.
 *
 *     npm run bench:restore -- [rounds]
 */

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../src/client/index.js";
import { exportBoard, importBoard } from "../src/store/transfer/board-transfer.js";
import { ValkeyStore } from "../src/store/valkey/valkey-store.js";
import { spawnInstance } from "../test/support/instances.js";
import { rawClient } from "../test/support/raw-client.js";
import { until } from "../test/support/until.js";
import { startServer } from "../test/support/valkey-server.js";

const ROUNDS = Number(process.argv[2] ?? 5);
const CLIENTS = 100;
const BOARD = { name: "main", size: 1_000_000_000 };
const PAGE = 7_777;
const PAGE_BYTES = 8_192;
const FREE = { WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

const valkey = await startServer();
const flags = { ...FREE, VALKEY_URL: valkey.url, BOARDS: `${BOARD.name}=${BOARD.size}` };
const instances = await Promise.all([spawnInstance(flags), spawnInstance(flags)]);
const clients = await Promise.all(
  instances.flatMap(({ url }) => Array.from({ length: CLIENTS }, () => rawClient(url))),
);
await Promise.all(clients.map((client) => client.watch([PAGE])));
let disconnects = 0;
for (const { socket } of clients) socket.on("disconnect", () => disconnects++);
const [instance] = instances;
const writer = connect(instance?.url ?? "");
const board = writer.board(BOARD.name);
await board.ready;

const bitsOf = (client: (typeof clients)[number]) => Buffer.from(client.replicas.get(PAGE)?.bits ?? []);
const allShow = (bits: Buffer) =>
  until("all show it", () => clients.every((client) => bitsOf(client).equals(bits)), 60_000);
let cell = PAGE * 65_536;
const write = async (count: number): Promise<Buffer> => {
  await Promise.all(Array.from({ length: count }, () => board.set(cell++, true)));
  // Of the store, as an instance may know of the last of them a moment later.
  const store = await ValkeyStore.open({ url: valkey.url });
  const bits = Buffer.alloc(PAGE_BYTES);
  bits.set((await store.read({ board: BOARD.name, page: PAGE })).bits);
  await store.close();
  await allShow(bits);
  return bits;
};

const importMs: number[] = [];
const dumpMs: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const older = await write(500);
  const store = await ValkeyStore.open({ url: valkey.url });
  const lines: string[] = [];
  for await (const line of exportBoard(store, BOARD)) lines.push(line.trimEnd());
  await store.command("any", "SAVE");
  copyFileSync(join(valkey.directory, "dump.rdb"), join(valkey.directory, "older.rdb"));
  await write(500);
  let startMs = performance.now();
  await importBoard(
    store,
    BOARD,
    (async function* () {
      yield* lines;
    })(),
  );
  await allShow(older);
  importMs.push(performance.now() - startMs);
  await store.close();

  await write(500);
  await valkey.kill();
  copyFileSync(join(valkey.directory, "older.rdb"), join(valkey.directory, "dump.rdb"));
  await pause(1_500);
  await valkey.restart();
  startMs = performance.now();
  await allShow(older);
  dumpMs.push(performance.now() - startMs);
}
const anew = disconnects;
writer.close();
for (const client of clients) client.close();
await Promise.all(instances.map((each) => each.kill()));
await valkey.stop();

const show = (times: readonly number[]) => {
  const sorted = times.toSorted((a, b) => a - b);
  return `median ${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(0)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(0)} ms`;
};
process.stdout.write(
  `${clients.length} clients on two instances, ${ROUNDS} rounds; until the last one shows the older state\n` +
    `  a board imported (all 15,259 pages looked at)   ${show(importMs)}\n` +
    `  Valkey started again from an older dump         ${show(dumpMs)}\n` +
    `  connections that were made anew: ${anew}\n`,
);
