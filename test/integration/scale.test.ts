/* What must not grow: connections with users, pages held with the size of the board. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "../../src/client/index.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { watchBoard } from "../support/clients.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

describe("scale", () => {
  test("an instance has two connections to Valkey, whatever the number of its users", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const probe = await ValkeyStore.open({ url: valkey.url });
    t.after(() => probe.close());
    const connections = async () => {
      const list = String(await probe.command("", "CLIENT", "LIST"))
        .trim()
        .split("\n");
      return list.length - 2;
    };
    const instance = await startInstance({ VALKEY_URL: valkey.url });
    t.after(() => instance.stop());
    for (const users of [1, 40]) {
      const clients = await Promise.all(Array.from({ length: users }, () => watchBoard(instance.url)));
      await Promise.all(clients.map(({ board }, cell) => board.set(cell, true)));
      assert.equal(await connections(), 2, `with ${users} users`);
      for (const client of clients) client.close();
    }
  });

  test("a board of a billion is served like one of a hundred: only the pages in sight are held", async (t) => {
    const size = 1_000_000_000;
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { VALKEY_URL: valkey.url, BOARDS: `main=${size}` };
    const instances = await Promise.all([1, 2].map(() => startInstance(flags)));
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const [writer, reader] = instances.map(({ url }) => connect(url));
    assert.ok(writer && reader);
    t.after(() => {
      writer.close();
      reader.close();
    });
    const [from, to] = [writer.board("main"), reader.board("main")];
    // A range over the seam of two pages, and the last cells of the board.
    const ranges = [
      { start: 65_500, end: 65_600 },
      { start: size - 50, end: size },
    ];
    await Promise.all(ranges.map((range) => to.watch(range).ready));
    const cells = [65_535, 65_536, size - 1];
    await Promise.all(cells.map((cell) => from.set(cell, true)));
    for (const cell of cells) await until(`cell ${cell} arrives`, () => to.get(cell) === true);
    assert.equal(to.get(500_000_000), undefined, "what is not watched is not known");
    assert.equal(instances[1]?.instance.pages.size, 3);
    assert.equal(instances[0]?.instance.pages.size, 0, "writing holds no page");
    await assert.rejects(from.set(size, true), { code: "CELL_OUT_OF_RANGE" });
  });
});
