/* The overview through real instances: its numbers against BITCOUNT of what the store holds. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { countBits } from "../../src/board/bitmap.js";
import { type Board, type Client, connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import type { Store } from "../../src/store/store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { pageKeys } from "../support/keys.js";
import { Random } from "../support/random.js";
import { RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const SIZE = 1_000_000_000;
const PAGES = 15_259;
const FLAGS = { BOARDS: `main=${SIZE},small=100`, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

async function watchOverview(url: string, name = "main"): Promise<{ client: Client; board: Board }> {
  const client = connect(url);
  const board = client.board(name);
  await board.watchOverview().ready;
  return { client, board };
}

/** The counts of the pages given, by the bits themselves. */
async function bitCounts(store: Store, pages: Iterable<number>): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for (const page of pages) {
    const ref = { board: "main", page };
    const counted =
      store instanceof ValkeyStore
        ? Number(await store.command(pageKeys(ref).bits, "BITCOUNT", pageKeys(ref).bits))
        : countBits((await store.read(ref)).bits);
    counts.set(page, counted);
  }
  return counts;
}

async function untilLevel(boards: readonly Board[], counts: ReadonlyMap<number, number>): Promise<void> {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const wrong = () =>
    boards.flatMap(({ overview }, client) => {
      const pages = [...counts].filter(([page, count]) => overview?.count(page) !== count);
      const shown = pages.map(
        ([page, count]) => `client ${client}, page ${page}: ${overview?.count(page)}, not ${count}`,
      );
      return overview?.total === total ? shown : [...shown, `client ${client}: total ${overview?.total}, not ${total}`];
    });
  await until("every client's overview equals BITCOUNT", () => wrong().length === 0, 40_000).catch((error: unknown) =>
    assert.fail(`${error}: ${wrong().slice(0, 5).join("; ")}`),
  );
}

for (const engine of ["embedded", "valkey"] as const) {
  describe(`the overview on ${engine}`, () => {
    let server: ServerProcess | undefined;
    let stores: Store[];
    let instances: LocalInstance[];
    const clients: Client[] = [];
    before(async () => {
      server = engine === "valkey" ? await startServer() : undefined;
      const url = server?.url;
      const open = () =>
        url ? ValkeyStore.open({ url }) : EmbeddedStore.open({ directory: temporaryFolder({ after }) });
      const first = await open();
      stores = url ? [first, await open()] : [first];
      instances = await Promise.all([first, stores.at(-1) ?? first].map((store) => startInstance(FLAGS, store)));
    });
    after(async () => {
      for (const client of clients) client.close();
      for (const instance of instances) await instance.stop();
      for (const store of stores) await store.close();
      await server?.stop();
    });
    const watcher = async (index: number) => {
      const watching = await watchOverview(instances[index]?.url ?? "");
      clients.push(watching.client);
      return watching.board;
    };

    test("density of every page and total equal BITCOUNT on every instance, from the first look and as they change", async () => {
      const [store] = stores;
      assert.ok(store);
      const random = new Random(7);
      const pages = Array.from({ length: 60 }, () => random.whole(0, PAGES - 1));
      const early = await watcher(0);
      assert.equal(early.overview?.pages, PAGES);
      assert.equal(early.overview?.total, 0);
      const heard = new Set<number>();
      early.on("overview", (changed) => {
        for (const page of changed) heard.add(page);
      });
      const writers = await Promise.all([watcher(0), watcher(1)]);
      const sets = Array.from({ length: 3_000 }, (_, at) => {
        const page = pages[random.whole(0, pages.length - 1)] ?? 0;
        const cell = Math.min(SIZE - 1, page * 65_536 + random.whole(0, 500));
        return writers[at % 2]?.set(cell, random.chance(0.7));
      });
      await Promise.all(sets);
      const counts = await bitCounts(store, new Set(pages));
      await untilLevel([early, ...writers, await watcher(1)], counts);
      for (const [page, count] of counts) assert.ok(count === 0 || heard.has(page), `nothing heard of page ${page}`);
    });

    test("people on all instances are counted, and where they look", async () => {
      const board = await watcher(0);
      const other = connect(instances[1]?.url ?? "");
      clients.push(other);
      await other.board("main").ready;
      await other.board("main").watch({ start: 65_536 * 77, end: 65_536 * 77 + 10 }).ready;
      const everywhere = () => instances.reduce((sum, instance) => sum + instance.online(), 0);
      await until("all people are counted", () => board.overview?.onlineEverywhere === everywhere());
      await until("the page is known to be watched", () => board.overview?.watchers(77) === 1);
      assert.equal(board.overview?.watchers(78), 0);
      await until("the other client is told as well", () => other.state.onlineEverywhere === everywhere());
    });

    test("a board counts its own people, on all instances and through every door", async () => {
      const [one, two, stock] = [0, 1, 1].map((instance, index) =>
        connect(instances[instance]?.url ?? "", index === 2 ? { lanePath: false } : {}),
      );
      assert.ok(one && two && stock);
      clients.push(one, two, stock);
      const alone = one.board("small");
      await alone.ready;
      assert.equal(alone.people, 1);
      await two.board("small").ready;
      await stock.board("small").ready;
      await until("the first is told of the others", () => alone.people === 3);
      await until("and the one at the other door too", () => stock.board("small").people === 3);
      two.close();
      stock.close();
      await until("and that they have left", () => alone.people === 1);
      one.close();
    });

    test("the overview goes on after a reconnect, also on another instance", async () => {
      const client = connect(instances.map(({ url }) => url));
      clients.push(client);
      const board = client.board("small");
      await board.watchOverview().ready;
      const [before, total] = [client.state.url, board.overview?.total ?? 0];
      client.reconnect();
      await until("it is connected elsewhere", () => client.state.connected && client.state.url !== before);
      await board.set(50, true);
      await until("the change is seen", () => board.overview?.total === total + 1);
      await board.set(50, false);
      await until("and the change back", () => board.overview?.total === total);
    });

    test("an overview that is watched no more costs no frames, and can be watched again", async () => {
      const raw = new RawClient(instances[0]?.url ?? "");
      const { handle } = await raw.open("small");
      const watches = async () =>
        /socketscaler_overview_watches (\d+)/.exec((await instances[0]?.instance.metrics.text()) ?? "")?.[1];
      const before = Number(await watches());
      let frames = 0;
      for (const name of ["overview", "counts"]) raw.socket.on(name, () => frames++);
      assert.deepEqual(await raw.ask("overview", { handle, watch: true }), { watching: true });
      assert.equal(frames, 1);
      assert.equal(Number(await watches()), before + 1);
      assert.deepEqual(await raw.ask("overview", { handle, watch: false }), { watching: false });
      await watcher(0);
      const small = clients.at(-1)?.board("small");
      assert.ok(small);
      const total = () => small.overview?.total;
      const watch = small.watchOverview();
      await watch.ready;
      await small.set(5, true);
      await until("the change is seen", () => total() === 1);
      assert.equal(frames, 1);
      watch.stop();
      assert.equal(total(), undefined);
      await small.watchOverview().ready;
      assert.equal(total(), 1);
      const bad = await raw.ask("overview", { handle: 99, watch: true });
      assert.equal(bad.error.code, "NOT_OPEN");
      raw.close();
    });
  });
}
