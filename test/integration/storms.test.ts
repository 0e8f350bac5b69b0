/* Connections in masses: those that never speak, those that come by the thousand, those that watch and unwatch for ever. */

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { connect as tcpConnect } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { io } from "socket.io-client";
import { connect } from "../../src/client/index.js";
import type { Flags } from "../../src/server/config.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

let store: EmbeddedStore;
before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
});
after(() => store.close());

async function start(t: TestContext, flags: Flags, silentMsMax?: number) {
  const instance = await startInstance(flags, store, silentMsMax === undefined ? {} : { silentMsMax });
  t.after(() => instance.stop());
  return instance;
}

describe("connections that open and never speak", () => {
  const UPGRADE = [
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ].join("\r\n");
  for (const [name, says] of [
    ["a TCP connection without a word", ""],
    ["an HTTP request that never ends", "GET /health HTTP/1.1\r\nHost: localhost\r\n"],
    ["a WebSocket that joins no namespace", `${UPGRADE}\r\n\r\n`],
  ] as const) {
    test(`${name} is closed`, async (t) => {
      const instance = await start(t, {}, 200);
      const socket = tcpConnect(instance.port, "127.0.0.1");
      t.after(() => socket.destroy());
      let isClosed = false;
      socket.on("error", () => undefined);
      socket.on("close", () => {
        isClosed = true;
      });
      // An answer may come; a WebSocket's peer that is closed and does not say so is cut off a little later.
      socket.resume();
      socket.write(says);
      await until("it is closed", () => isClosed);
      assert.equal(instance.io.engine.clientsCount, 0);
    });
  }
});

interface Attempt {
  readonly error: { readonly code: string; readonly retryAfterMs?: number } | undefined;
  close(): void;
}

/** One connection attempt of a stock client, from one of this machine's addresses. */
function attempt(url: string, localAddress = "127.0.0.1"): Promise<Attempt> {
  const agent = new Agent({ localAddress } as object);
  const socket = io(`${url}/boards`, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    // A busy machine may take longer than Socket.IO's 20 s to answer a thousand of them.
    timeout: 120_000,
    agent: agent as never,
  });
  const close = () => void socket.disconnect();
  return new Promise((done) => {
    socket.once("connect", () => done({ error: undefined, close }));
    socket.once("connect_error", (error) => {
      done({ error: "data" in error && error.data ? (error.data as never) : { code: error.message }, close });
    });
  });
}

describe("a thousand connections at once from one address", () => {
  test("are served up to the limit, and the others refused with the time to wait; earlier clients are still served, and all is released", async (t) => {
    const limits = { CONNECTIONS_PER_ADDRESS: "60", CONNECTS_PER_SECOND: "20", BOARDS: "main=1000" };
    const instance = await start(t, limits);
    const [viewer, writer] = [await watchBoard(instance.url), await watchBoard(instance.url)];
    t.after(() => {
      viewer.close();
      writer.close();
    });
    const arrived: WeakRef<object>[] = [];
    instance.io.engine.on("connection", (connection: object) => arrived.push(new WeakRef(connection)));
    const attempts = Array.from({ length: 1_000 }, () => attempt(instance.url));
    const writes = Array.from({ length: 50 }, (_, cell) => writer.board.set(cell, true));
    const outcomes = await Promise.all(attempts);
    await Promise.all(writes);
    const refused = outcomes.flatMap(({ error }) => error ?? []);
    assert.ok(refused.length >= 1_000 - 60, `${refused.length} were refused`);
    assert.ok(refused.length < 1_000, "none was served");
    for (const { code, retryAfterMs } of refused) {
      assert.equal(code, "TOO_MANY_CONNECTIONS");
      assert.ok(retryAfterMs !== undefined && retryAfterMs > 0);
    }
    for (const { close } of outcomes) close();
    await until("only who was there is left", () => instance.online() === 2);
    await untilAllShow([viewer.board, writer.board], await storedBits(instance.url, 1_000));
    let kept = 0;
    await until("their memory is let go", () => {
      collectGarbage();
      kept = arrived.filter((connection) => connection.deref() !== undefined).length;
      return kept < 20;
    }).catch((error: unknown) => assert.fail(`${error}: ${kept} connections are kept`));
    assert.equal(arrived.length, 1_000);
  });

  test("one after the other they are refused for their rate, an other address is not, and the library gets in when it may", async (t) => {
    const instance = await start(t, { CONNECTIONS_PER_ADDRESS: "5", CONNECTS_PER_SECOND: "1", HOST: "0.0.0.0" });
    const errors: NonNullable<Attempt["error"]>[] = [];
    for (let count = 0; count < 20; count++) {
      const { error, close } = await attempt(instance.url);
      if (error) errors.push(error);
      close();
    }
    assert.ok(errors.length >= 10, `${errors.length} were refused`);
    for (const { code, retryAfterMs } of errors) {
      assert.equal(code, "TOO_MANY_CONNECTIONS");
      assert.ok(retryAfterMs !== undefined && retryAfterMs >= 1_000 && retryAfterMs <= 2_000, String(retryAfterMs));
    }
    const other = await attempt(instance.url, "127.0.0.2");
    assert.equal(other.error, undefined);
    other.close();
    const client = connect(instance.url);
    t.after(() => client.close());
    const board = client.board("main");
    const clicked = board.set(1, true);
    await clicked;
    assert.ok(client.state.connected);
  });
});

describe("clients that watch and unwatch without end", () => {
  test("leave no watcher behind, and others get everything", async (t) => {
    const size = 4 * 65_536;
    const instance = await start(t, { BOARDS: `restless=${size}`, WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" });
    const [viewer, writer] = [await watchBoard(instance.url, "restless"), await watchBoard(instance.url, "restless")];
    t.after(() => {
      viewer.close();
      writer.close();
    });
    const restless = await Promise.all(Array.from({ length: 5 }, () => rawClient(instance.url, "restless")));
    for (let round = 0; round < 100; round++) {
      for (const [index, { socket }] of restless.entries()) {
        const pages = [(round + index) % 4, (round * 3 + index) % 4];
        socket.emit((round + index) % 3 === 0 ? "unwatch" : "watch", { handle: 0, pages }, () => undefined);
      }
      await writer.board.set((round * 7_919) % size, true);
    }
    const stored = await storedBits(instance.url, size, "restless");
    assert.equal(Array.from(stored).filter((bit) => bit === "1").length, 100);
    await untilAllShow([viewer.board, writer.board], stored);
    for (const client of restless) client.close();
    await until("only the two that stay are watching", () =>
      Array.from(instance.instance.pages.hubs()).every(({ watchers }) => watchers === 2),
    );
  });
});
