/*
 * Question: when a page is set back to an older state while people watch it, how long until every
 * client shows that state?
 *
 * Once with `import` of an exported board, and once with a Valkey that restarts from an older dump.
 * Two instances on one Valkey, 100 clients on each, all on one page of a board of a billion cells.
 * Time runs from the start of the import, or from the moment when Valkey accepts connections again,
 * until the last client shows the older bits.
 */

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../../src/client/index.js";
import { exportBoard, importBoard } from "../../../src/store/transfer/board-transfer.js";
import { ValkeyStore } from "../../../src/store/valkey/valkey-store.js";
import { rawClient } from "../../../test/support/raw-client.js";
import { until } from "../../../test/support/until.js";
import { deploy } from "../../load/deployment.js";
import { NO_LIMITS } from "../../load/ours.js";
import { Rounds, type Scenario } from "../../load/outcome.js";

const CLIENTS = 100;
const BOARD = { name: "main", size: 1_000_000_000 };
const PAGE = 7_777;
const WRITES = 500;
const DOWN_MS = 1_500;
const IMPORTED = "import of a board, all 15,259 pages";
const RESTARTED = "Valkey restarted from an older dump";

export const restore: Scenario = {
  name: "restore",
  question: "How long until every client shows an older state that was restored while it watched?",
  run: ({ isQuick }) =>
    deploy(2, { ...NO_LIMITS, BOARDS: `${BOARD.name}=${BOARD.size}` }, async ({ valkey, urls, closing }) => {
      const rounds = isQuick ? 1 : 5;
      const starting = urls.flatMap((url) => Array.from({ length: CLIENTS }, () => rawClient(url)));
      const clients = (await Promise.all(starting)).map(closing);
      await Promise.all(clients.map((client) => client.watch([PAGE])));
      let disconnects = 0;
      for (const { socket } of clients) socket.on("disconnect", () => disconnects++);
      const board = closing(connect(urls[0] ?? "")).board(BOARD.name);
      await board.ready;

      const msUntilAllShow = async (bits: Buffer) => {
        const startMs = performance.now();
        const shown = ({ replicas }: (typeof clients)[number]) => Buffer.from(replicas.get(PAGE)?.bits ?? []);
        await until("all show it", () => clients.every((client) => shown(client).equals(bits)), 60_000);
        return performance.now() - startMs;
      };
      const withStore = async <Result>(use: (store: ValkeyStore) => Promise<Result>) => {
        const store = await ValkeyStore.open({ url: valkey.url });
        try {
          return await use(store);
        } finally {
          await store.close();
        }
      };
      let cell = PAGE * 65_536;
      const write = async (): Promise<Buffer> => {
        await Promise.all(Array.from({ length: WRITES }, () => board.set(cell++, true)));
        // Read from the store: an instance may see the last writes a moment later.
        const { bits } = await withStore((store) => store.read({ board: BOARD.name, page: PAGE }));
        const whole = Buffer.alloc(8_192);
        whole.set(bits);
        await msUntilAllShow(whole);
        return whole;
      };
      const dump = (name: string) => join(valkey.directory, name);

      const found = new Rounds();
      for (let round = 0; round < rounds; round++) {
        const older = await write();
        await withStore(async (store) => {
          const lines: string[] = [];
          for await (const line of exportBoard(store, BOARD)) lines.push(line.trimEnd());
          await store.command("any", "SAVE");
          copyFileSync(dump("dump.rdb"), dump("older.rdb"));
          await write();
          const startMs = performance.now();
          await importBoard(store, BOARD, linesOf(lines));
          await msUntilAllShow(older);
          found.add(IMPORTED, performance.now() - startMs);
        });
        await write();
        await valkey.kill();
        copyFileSync(dump("older.rdb"), dump("dump.rdb"));
        await pause(DOWN_MS);
        await valkey.restart();
        found.add(RESTARTED, await msUntilAllShow(older));
      }
      return {
        method: `${clients.length} clients on two instances, ${rounds} rounds; time until the last client shows the older state.`,
        columns: { system: "restored by", ms: "time, ms" },
        rows: found.rows("ms"),
        notes: [`${disconnects} clients had to reconnect.`],
      };
    }),
};

async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
