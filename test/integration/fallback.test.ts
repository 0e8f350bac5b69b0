/* When the client library uses the lane, and when it uses Socket.IO instead, whose code it loads only then. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { WebSocketServer } from "ws";
import { connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { clientOn } from "../support/clock-client.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";

const CLIENT = new URL("../../src/client/index.ts", import.meta.url).href;

describe("the client library's doors", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  async function instanceWith(t: TestContext, flags: Record<string, string> = {}): Promise<LocalInstance> {
    const instance = await startInstance({ BOARDS: "main=10", ...flags }, store);
    t.after(() => instance.stop());
    return instance;
  }

  /** The door through which this instance's only client came. */
  const doorOf = ({ io }: LocalInstance) => {
    const [socket] = io.of("/boards").sockets.values();
    return socket ? socket.conn.transport.name : "lane";
  };

  async function doorFor(t: TestContext, instance: LocalInstance, url = instance.url, options = {}): Promise<string> {
    const client = connect(url, options);
    t.after(() => client.close());
    await client.board("main").set(3, true);
    const door = doorOf(instance);
    client.close();
    await until("it is gone", () => instance.io.of("/boards").sockets.size === 0);
    return door;
  }

  test("is the lane, at the path that LANE_PATH and `lanePath` name; elsewhere it is Socket.IO", async (t) => {
    const usual = await instanceWith(t);
    assert.equal(await doorFor(t, usual), "lane");
    assert.equal(await doorFor(t, usual, usual.url, { lanePath: false }), "websocket");
    assert.equal(await doorFor(t, usual, usual.url, { lanePath: "/elsewhere" }), "websocket");
    const moved = await instanceWith(t, { LANE_PATH: "/live/board", BASE_PATH: "/tools" });
    assert.equal(await doorFor(t, moved, `${moved.url}/tools/`, { lanePath: "/live/board" }), "lane");
    assert.equal(await doorFor(t, moved, `${moved.url}/tools`, { lanePath: "live/board" }), "lane");
    assert.equal(await doorFor(t, moved, `${moved.url}/tools`), "websocket");
  });

  test("is Socket.IO at an instance without a lane, such as an older one", async (t) => {
    const instance = await instanceWith(t, { LANE_PATH: "off" });
    assert.equal(await doorFor(t, instance), "websocket");
  });

  test("is long-polling through a proxy that passes no upgrade", async (t) => {
    const instance = await instanceWith(t);
    const proxy = createServer((request, response) => {
      const { method, url: path } = request;
      const { upgrade: _upgrade, connection: _connection, ...headers } = request.headers;
      const passed = httpRequest(new URL(instance.url), { method, path, headers, agent: false });
      passed.on("response", (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)));
      passed.on("error", () => response.destroy());
      request.pipe(passed);
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    t.after(() => void proxy.close().closeAllConnections());
    const address = proxy.address();
    assert.ok(address && typeof address === "object");
    assert.equal(await doorFor(t, instance, `http://127.0.0.1:${address.port}`), "polling");
  });

  for (const [what, ms, reasons] of [
    ["with the answer", 5_000, ["UNREACHABLE"]],
    ["after the answer", 15_000, ["UNREACHABLE", "UNREACHABLE"]],
  ] as const) {
    test(`is long-polling if WebSockets are swallowed ${what}; later it is the lane again`, async (t) => {
      const instance = await instanceWith(t);
      const proxy = await TcpProxy.start(instance.port);
      t.after(() => proxy.close());
      proxy.swallow(what);
      const { client, clock } = clientOn(t, `http://127.0.0.1:${proxy.port}`);
      const board = client.board("main");
      const seen: (string | undefined)[] = [];
      client.on("state", ({ connected, reason }) => connected || seen.push(reason?.code));
      await until("a WebSocket is swallowed", () => proxy.swallowed === 1);
      await until("the client has given up", async () => {
        await clock.pass(ms / 10);
        return instance.io.of("/boards").sockets.size === 1;
      });
      await board.set(3, true);
      // On a busy machine, the clock of the test passes further attempts meanwhile.
      assert.deepEqual(seen.slice(0, reasons.length), reasons);
      assert.deepEqual([...new Set(seen)], ["UNREACHABLE"]);
      assert.equal(doorOf(instance), "polling");
      proxy.swallow(undefined);
      await clock.pass(600_000);
      client.reconnect();
      await clock.pass(200);
      await board.set(4, true);
      await until("it is the lane again", () => instance.io.of("/boards").sockets.size === 0);
    });
  }

  test("is Socket.IO if something else takes WebSockets at the lane's path and ends them", async (t) => {
    const instance = await instanceWith(t, { LANE_PATH: "off" });
    const other = new WebSocketServer({ noServer: true });
    instance.io.httpServer.on("upgrade", (request, tcp, head) => {
      if (request.url === "/socketscaler") other.handleUpgrade(request, tcp, head, (socket) => socket.close());
    });
    assert.equal(await doorFor(t, instance), "websocket");
  });

  test("loads Socket.IO's code only when it uses it", async (t) => {
    const lane = await instanceWith(t);
    const none = await instanceWith(t, { LANE_PATH: "off" });
    const hook = `import { writeSync } from "node:fs";
      export function resolve(name, context, next) {
        if (/^(socket|engine)\\.io-client/.test(name)) writeSync(1, name + "\\n");
        return next(name, context);
      }`;
    const program = `import { register } from "node:module";
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
      const { connect } = await import(${JSON.stringify(CLIENT)});
      const client = connect(process.argv[1]);
      await client.board("main").set(3, true);
      client.close();`;
    const loaded = async ({ url }: LocalInstance) => {
      const args = ["--import", "tsx", "--input-type=module", "--eval", program, url];
      return (await promisify(execFile)(process.execPath, args)).stdout;
    };
    const [withLane, without] = await Promise.all([loaded(lane), loaded(none)]);
    assert.equal(withLane, "");
    assert.match(without, /^socket\.io-client$/m);
  });
});
