/* Limits: whoever reaches one is told by code how long to wait; nobody else notices. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { spawnInstance, startInstance } from "../support/instances.js";
import { newSession, RawClient, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

describe("limits", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  test("a session past its burst is refused with the time to wait; another is served at the same moment", async (t) => {
    const instance = await startInstance({ WRITE_BURST: "5", WRITES_PER_SECOND: "2" }, store);
    t.after(() => instance.stop());
    const [greedy, modest] = [await rawClient(instance.url), await rawClient(instance.url)];
    const session = newSession();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => greedy.write(session, index + 1, [[index, 1]])),
    );
    const refused = answers.filter((answer) => "error" in answer);
    assert.equal(refused.length, 5);
    for (const { error } of refused) {
      assert.equal(error.code, "RATE_LIMITED");
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 500, String(error.retryAfterMs));
    }
    assert.ok(!("error" in (await modest.write(newSession(), 1, [[50, 1]]))));
    // The same session on a new connection has no new burst.
    const again = await rawClient(instance.url);
    assert.equal((await again.write(session, 11, [[1, 0]])).error?.code, "RATE_LIMITED");
    for (const client of [greedy, modest, again]) client.close();
  });

  test("new sessions of one address do not get round the limit: together they have an address's", async (t) => {
    const instance = await startInstance({ WRITE_BURST: "5", WRITES_PER_SECOND: "1", BOARDS: "many=500" }, store);
    t.after(() => instance.stop());
    let taken = 0;
    for (let session = 0; session < 40; session++) {
      const client = await rawClient(instance.url, "many");
      const cells = Array.from({ length: 5 }, (_, i): [number, 1] => [session * 5 + i, 1]);
      const answer = await client.write(newSession(), 1, cells);
      if (!("error" in answer)) taken += 5;
      else assert.equal(answer.error.code, "RATE_LIMITED");
      client.close();
    }
    assert.ok(taken >= 100 && taken <= 160, `20 bursts of 5 and a little: ${taken}`);
    const put = await fetch(`${instance.url}/boards/many/cells/499`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"value":true}',
    });
    assert.ok([200, 429].includes(put.status));
  });

  test("a write larger than the burst is told so, as it could never be admitted", async (t) => {
    const instance = await startInstance({ WRITE_BURST: "5" }, store);
    t.after(() => instance.stop());
    const client = await rawClient(instance.url);
    assert.equal(client.opened?.limits.writeCellsMax, 5);
    const cells = Array.from({ length: 6 }, (_, cell): [number, 1] => [cell, 1]);
    assert.equal((await client.write(newSession(), 1, cells)).error?.code, "TOO_MANY_CELLS");
    client.close();
  });

  test("the library slows down at the limit, says so, and loses no click", async (t) => {
    const instance = await startInstance({ WRITE_BURST: "20", WRITES_PER_SECOND: "400", BOARDS: "slow=300" }, store);
    t.after(() => instance.stop());
    const { board, close } = await watchBoard(instance.url, "slow");
    t.after(close);
    const delays: number[] = [];
    board.on("delayed", ({ code, retryAfterMs }) => {
      assert.equal(code, "RATE_LIMITED");
      delays.push(retryAfterMs);
    });
    await Promise.all(Array.from({ length: 300 }, (_, cell) => board.set(cell, cell % 3 === 0)));
    assert.ok(delays.length > 0);
    const expected = Array.from({ length: 300 }, (_, cell) => (cell % 3 === 0 ? "1" : "0")).join("");
    assert.equal(await storedBits(instance.url, 300, "slow"), expected);
    await untilAllShow([board], expected);
  });

  test("connections past the address's number are refused with a code, and admitted when others have gone", async (t) => {
    const instance = await startInstance({ CONNECTIONS_PER_ADDRESS: "3" }, store);
    t.after(() => instance.stop());
    const three = await Promise.all([1, 2, 3].map(() => rawClient(instance.url)));
    const fourth = new RawClient(instance.url);
    const error = await new Promise<Error & { data?: { code: string; retryAfterMs: number } }>((done) =>
      fourth.socket.once("connect_error", done),
    );
    assert.equal(error.data?.code, "TOO_MANY_CONNECTIONS");
    assert.ok((error.data?.retryAfterMs ?? 0) > 0);
    fourth.close();
    const waiting = connect(instance.url);
    t.after(() => waiting.close());
    await until("the library is told why", () => waiting.state.reason?.code === "TOO_MANY_CONNECTIONS");
    for (const client of three) client.close();
    await until("a connection is admitted again", () => waiting.state.connected, 20_000);
  });

  test("the log says which limit was reached, and that it can be raised", async (t) => {
    const limits = { CONNECTIONS_PER_ADDRESS: "1", HTTP_PER_MINUTE: "1" };
    const instance = await spawnInstance({ DATA_DIR: temporaryFolder(t), ...limits });
    t.after(() => instance.kill());
    const clients = [1, 2].map(() => connect(instance.url));
    t.after(() => clients.map((client) => client.close()));
    for (const _ of [1, 2, 3]) await fetch(`${instance.url}/boards`);
    const lines = () =>
      instance.output.flatMap((line) =>
        line.includes('"limit":') ? [JSON.parse(line) as Record<string, unknown>] : [],
      );
    await until("both are in the log", () => lines().length === 2);
    assert.deepEqual(
      lines()
        .map(({ limit }) => limit)
        .toSorted(),
      Object.keys(limits),
    );
    for (const { address, msg } of lines()) assert.match(`${address}: ${msg}`, /^127\.0\.0\.1: .*raise the limit$/);
  });

  test("a client that never reads what it cannot be caught up on is disconnected, and nobody else", async (t) => {
    const flags = { BOARDS: "main=100000", WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };
    const instance = await startInstance(flags, store);
    // Once disconnected it stays so: a new connection would be counted, and hide that the old one is gone.
    const deaf = io(instance.url, { transports: ["websocket"], reconnection: false });
    const writer = await rawClient(instance.url);
    await until("the client is connected", () => deaf.connected);
    const online = async () => {
      const text = await (await fetch(`${instance.url}/metrics`)).text();
      return Number(/^socketscaler_connections (\d+)/m.exec(text)?.[1]);
    };
    await until("both are counted", async () => (await online()) === 2);
    // Stop reading below everything that could answer for it.
    const { ws }: { ws: { _socket: Socket; pause(): void } } = deaf.io.engine.transport as never;
    // Not the socket itself: `ws` would resume that when it has handled what was read.
    ws.pause();
    t.after(async () => {
      ws._socket.destroy();
      deaf.disconnect();
      writer.close();
      await instance.stop();
    });
    const session = newSession();
    let seq = 0;
    await until(
      "it is disconnected",
      async () => {
        seq++;
        const cells = Array.from({ length: 512 }, (_, i): [number, 0 | 1] => [
          ((seq * 512) % 99_000) + i,
          seq % 386 < 193 ? 1 : 0,
        ]);
        const answer = await writer.write(session, seq, cells);
        assert.ok(!("error" in answer), JSON.stringify(answer));
        return seq % 50 === 0 && (await online()) === 1;
      },
      120_000,
    );
    assert.ok(writer.socket.connected);
  });

  test("25 viewers of one address all see 1,000 updates", async (t) => {
    const instance = await startInstance(
      { BOARDS: "busy=1000", WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" },
      store,
    );
    t.after(() => instance.stop());
    const viewers = await Promise.all(Array.from({ length: 25 }, () => watchBoard(instance.url, "busy")));
    t.after(() => {
      for (const viewer of viewers) viewer.close();
    });
    const [writer] = viewers;
    for (let cell = 0; cell < 1_000; cell++) await writer?.board.set(cell, true);
    await untilAllShow(
      viewers.map(({ board }) => board),
      "1".repeat(1_000),
    );
  });
});
