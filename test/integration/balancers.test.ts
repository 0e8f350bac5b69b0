/* The balancers of deploy/, each real and in front of two real instances. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { io } from "socket.io-client";
import { BEAT_MS, LANE_PATH, SILENT_MS_MAX } from "../../src/protocol/lane.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { BALANCERS, type BalancerName, balancerFile, startBalancer } from "../support/balancers.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { pageFolder, spawnInstance, startInstance } from "../support/instances.js";
import { rawRequest } from "../support/raw-answer.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { RawLane } from "../support/raw-lane.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const FROM = "127.0.0.2";

for (const name of BALANCERS) {
  describe(`${name} as in deploy/`, () => {
    let store: EmbeddedStore;
    before(async () => {
      store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    });
    after(() => store.close());

    test("spreads WebSockets, keeps long-polling where its session is, and hands on whose address it is", async (t) => {
      const flags = { TRUSTED_PROXIES: "127.0.0.1" };
      const instances = await Promise.all(
        ["one", "two"].map((instance) => startInstance({ ...flags, INSTANCE_NAME: instance }, store)),
      );
      t.after(() => Promise.all(instances.map((instance) => instance.stop())));
      const upgraded = new Set<string>();
      for (const [index, { io }] of instances.entries())
        io.httpServer.on("upgrade", ({ url }) => url === LANE_PATH && upgraded.add(["one", "two"][index] ?? ""));
      const addresses = new Set<string>();
      for (const { admission } of instances.map(({ instance }) => instance)) {
        const connect = admission.connect.bind(admission);
        admission.connect = (address) => {
          addresses.add(address);
          connect(address);
        };
      }
      const url = await startBalancer(
        t,
        name,
        instances.map(({ port }) => port),
      );
      const homes = { websocket: new Set<string>(), polling: new Set<string>() };
      for (const transport of ["websocket", "polling"] as const) {
        for (let count = 0; count < 4; count++) {
          const client = new RawClient(url, [transport]);
          t.after(() => client.close());
          homes[transport].add((await client.open()).instance);
          await client.watch([0]);
          assert.ok("at" in (await client.write(newSession(), 1, [[count, 1]])));
        }
      }
      assert.equal(homes.websocket.size, 2);
      assert.equal(homes.polling.size, 1);

      // More than the long-polling clients, which count as well for who has the fewest.
      const lanes = Array.from({ length: 10 }, () => new RawLane(url));
      t.after(() => lanes.map((lane) => lane.close()));
      for (const lane of lanes) {
        assert.equal(await lane.upgraded(), "open");
        assert.equal(await lane.hello(), "in");
      }
      assert.deepEqual([...upgraded].sort(), ["one", "two"]);

      const agent = new Agent({ localAddress: FROM, keepAlive: true });
      t.after(() => agent.destroy());
      for (const transport of ["websocket", "polling"] as const) {
        addresses.clear();
        const socket = io(url, {
          transports: [transport],
          forceNew: true,
          agent: agent as never,
          extraHeaders: { "X-Forwarded-For": "6.6.6.6" },
        });
        t.after(() => void socket.disconnect());
        await until("it is connected", () => socket.connected);
        assert.deepEqual([...addresses], [FROM], transport);
      }

      const stock = io(url, { transports: ["polling", "websocket"], forceNew: true });
      t.after(() => void stock.disconnect());
      await until("a stock client goes over from polling to WebSocket", () => {
        return stock.connected && stock.io.engine.transport.name === "websocket";
      });
    });

    test("hands on the files of the app compressed, each to who accepts it, and the origin that the browser sees", async (t) => {
      const instance = await startInstance({ TRUSTED_PROXIES: "127.0.0.1" }, store);
      t.after(() => instance.stop());
      const url = await startBalancer(t, name, [instance.port]);
      const script = readdirSync(join(pageFolder, "assets")).find((each) => each.endsWith(".js"));
      const plain = readFileSync(join(pageFolder, "assets", script ?? ""));
      for (const [accepted, coding, unpack] of [
        ["gzip, deflate, br", "br", brotliDecompressSync],
        ["gzip", "gzip", gunzipSync],
        ["identity", undefined, (body: Buffer) => body],
      ] as const) {
        const { status, headers, body } = await rawRequest(`${url}/assets/${script}`, { "accept-encoding": accepted });
        assert.equal(status, 200);
        assert.equal(headers["content-encoding"], coding);
        assert.match(headers.vary ?? "", /accept-encoding/i);
        assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
        assert.deepEqual(unpack(body), plain);
        const etag = headers.etag ?? "";
        const again = await rawRequest(`${url}/assets/${script}`, {
          "accept-encoding": accepted,
          "if-none-match": etag,
        });
        assert.equal(again.status, 304);
      }
      const forged = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" };
      const { headers, body } = await rawRequest(`${url}/`, { "accept-encoding": "br", ...forged });
      assert.equal(headers["content-encoding"], "br");
      const image = `<meta property="og:image" content="${url}/boards/main/preview.png" />`;
      assert.ok(String(brotliDecompressSync(body)).includes(image), image);
    });

    test("keeps the routes for operators from strangers, however they spell them", async (t) => {
      const instance = await startInstance({ TRUSTED_PROXIES: "127.0.0.1" }, store);
      t.after(() => instance.stop());
      const url = await startBalancer(t, name, [instance.port]);
      // The instance takes them all, but the last.
      for (const path of ["/metrics", "/metrics/", "/METRICS", "/Metrics/?x=1", "/metrics#x", "/metrics/x"]) {
        const direct = await rawAnswer(instance.url, path);
        assert.equal(/socketscaler_connections/.test(direct), path !== "/metrics/x", path);
        const answer = await rawAnswer(url, path);
        assert.match(answer, /^HTTP\/1\.1 40[04] /, path);
        assert.doesNotMatch(answer, /socketscaler_/, path);
      }
      const clusters = ["/cluster", "/cluster/", "/CLUSTER", "/Cluster/?x=1"];
      for (const path of clusters) assert.match(await rawAnswer(url, path), /"storeAvailable"/, path);
      const stranger = outsideAddress();
      if (stranger === undefined) return t.diagnostic("only loopback here: no stranger asked for /cluster");
      for (const path of [...clusters, "/cluster#x", "/cluster/x"]) {
        const answer = await rawAnswer(url, path, stranger);
        assert.match(answer, /^HTTP\/1\.1 40[03] /, path);
        assert.doesNotMatch(answer, /"storeAvailable"/, path);
      }
      assert.match(await rawAnswer(url, "/health", stranger), /^HTTP\/1\.1 200 /);
    });

    test("sends a handshake that is answered with 503 to the other, a write never, and thinks no worse of who refuses one", async (t) => {
      const refused = ["PUT /boards/main/cells/1", "POST /boards/main/clear"];
      const asked = { one: [] as string[], two: [] as string[] };
      let isDraining = false;
      const ports = await Promise.all(
        (["one", "two"] as const).map(async (own) => {
          const server = createServer((request, response) => {
            let body = "";
            request.on("data", (chunk) => (body += chunk));
            request.on("end", () => {
              const { method, url: path } = request;
              if (path === "/ready") return void response.end();
              asked[own].push(`${method} ${path}`);
              if (path === "/boards/main/cells/2") return void request.socket.destroy();
              const isHandshake = path?.startsWith("/socket.io/") || path === LANE_PATH;
              const isRefusing = isHandshake ? isDraining && own === "one" : refused.includes(`${method} ${path}`);
              response.writeHead(isRefusing ? 503 : 200).end(own + body);
            });
          });
          t.after(() => void server.close().closeAllConnections());
          await once(server.listen(0, "127.0.0.1"), "listening");
          return (server.address() as AddressInfo).port;
        }),
      );
      const url = await startBalancer(t, name, ports);
      const timesAsked = (line: string) => [...asked.one, ...asked.two].filter((each) => each === line).length;
      const bothServe = async () => {
        const served = new Set<string>();
        for (let count = 0; count < 40; count++) served.add(await (await fetch(`${url}/state`)).text());
        assert.deepEqual([...served].sort(), ["one", "two"]);
      };
      for (const line of refused) {
        const [method = "", path] = line.split(" ");
        const answer = await fetch(`${url}${path}`, { method, body: "{}" });
        assert.equal(answer.status, 503, line);
        assert.match(await answer.text(), /^(one|two)\{\}$/, line);
        assert.equal(timesAsked(line), 1, line);
        await bothServe();
      }

      isDraining = true;
      const handshakes = ["polling", "websocket"].map((transport) => `/socket.io/?EIO=4&transport=${transport}`);
      // One that has been refused by the instance that drains leaves it alone for a while.
      const fresh = await startBalancer(t, name, ports);
      for (const [balancer, paths] of [
        [url, handshakes],
        [fresh, [LANE_PATH]],
      ] as const) {
        for (const path of paths) {
          // A balancer that chooses at random may ask the other for some time.
          const isAsked = () => asked.one.some((line) => line.includes(path.replace(/\?.*/, "")));
          for (let count = 0; count < 8 || (!isAsked() && count < 60); count++) {
            // From several addresses: long-polling goes by them.
            const answer = await rawAnswer(balancer, path, `127.0.0.${count + 2}`);
            assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*two/, path);
          }
        }
      }
      for (const path of ["/socket.io/", LANE_PATH]) {
        const isAsked = asked.one.some((line) => line.includes(path));
        assert.ok(isAsked, `the one that drains was asked first for ${path}`);
      }

      // HAProxy may end the connection without an answer, where its own to the instance had been used before.
      const cut = await fetch(`${url}/boards/main/cells/2`, { method: "PUT", body: "{}" }).then(
        ({ status }) => status,
        () => 502,
      );
      assert.equal(cut, 502);
      assert.equal(timesAsked("PUT /boards/main/cells/2"), 1);
    });

    test("sends the clients of an instance that drains, and of one that is killed, to the other", async (t) => {
      const valkey = await startServer();
      t.after(() => valkey.stop());
      const flags = { VALKEY_URL: valkey.url, TRUSTED_PROXIES: "127.0.0.1", DRAIN_MS: "300" };
      const start = (port = "0") => spawnInstance({ ...flags, PORT: port });
      let [leaving, staying] = await Promise.all([start(), start()]);
      t.after(() => Promise.all([leaving, staying].map((instance) => instance.kill())));
      const url = await startBalancer(
        t,
        name,
        [leaving, staying].map((instance) => Number(new URL(instance.url).port)),
      );
      const clients = await Promise.all([1, 2, 3, 4].map(() => watchBoard(url)));
      t.after(() => clients.map(({ close }) => close()));
      const polling = io(url, { transports: ["polling"], forceNew: true, reconnectionDelay: 50 });
      t.after(() => void polling.disconnect());
      const heard = new Set<number>();
      polling.on("checkbox-update", ({ index }: { index: number }) => heard.add(index));
      await until("it is connected by long-polling", () => polling.connected);
      const refusals = new Set<string>();
      for (const { client } of clients) {
        client.on("state", ({ reason }) => reason && reason.code !== "GOING_AWAY" && refusals.add(reason.code));
      }
      const allCarryOn = async (cell: number, which: string) => {
        await until(`all are back after one ${which}`, () => {
          return (
            polling.connected && clients.every(({ client, board }) => client.state.connected && board.status === "live")
          );
        });
        await clients[0]?.board.set(cell, true);
        await until(`all hear of it after one ${which}`, async () => {
          if (heard.has(cell) && clients.every(({ board }) => board.get(cell) === true)) return true;
          // The teaching protocol has no catch-up: who did not know yet that its instance was gone has missed it.
          await clients[0]?.board.set(cell, false);
          await clients[0]?.board.set(cell, true);
          return false;
        });
      };

      await allCarryOn(1, "nothing");
      const port = new URL(leaving.url).port;
      const ended = once(leaving.child, "exit");
      leaving.child.kill("SIGTERM");
      assert.deepEqual(await ended, [0, null]);
      await allCarryOn(2, "drained");

      [leaving, staying] = [staying, await start(port)];
      await until("the instance that is back is used again", async () => {
        const probe = await watchBoard(url);
        probe.close();
        const metrics = await (await fetch(`${staying.url}/metrics`)).text();
        return /^socketscaler_catch_ups_total\S* [1-9]/m.test(metrics);
      });
      await leaving.kill("SIGKILL");
      await allCarryOn(3, "killed");
      assert.deepEqual([...refusals], []);
    });
  });
}

/** The whole answer to a GET of exactly this target, from an address of this machine. */
async function rawAnswer(url: string, target: string, localAddress = "127.0.0.1"): Promise<string> {
  const { hostname, port } = new URL(url);
  const host = hostname === "localhost" ? "127.0.0.1" : hostname;
  const socket = connect({ host, port: Number(port), localAddress });
  socket.write(
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-For: 127.0.0.1\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

/** An address of this machine that is not loopback. */
function outsideAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((each = []) => each);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
}

/** What each calls the time after which it ends a connection on which nothing moves. */
const TIMEOUTS: Readonly<Record<BalancerName, readonly RegExp[]>> = {
  nginx: [/proxy_read_timeout (\d+)s/, /proxy_send_timeout (\d+)s/],
  haproxy: [/timeout client (\d+)s/, /timeout server (\d+)s/, /timeout tunnel (\d+)s/],
  caddy: [/response_header_timeout (\d+)s/, /read_timeout (\d+)s/, /write_timeout (\d+)s/],
};

test("every balancer waits longer than the heartbeat takes to find a connection dead", async (t) => {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t) });
  t.after(() => instance.stop());
  const { pingInterval = 0, pingTimeout = 0 } = instance.io.engine.opts;
  assert.ok(BEAT_MS <= pingInterval && SILENT_MS_MAX <= pingInterval + pingTimeout, "the lane's beats are no rarer");
  for (const name of BALANCERS) {
    for (const pattern of TIMEOUTS[name]) {
      const [, seconds] = pattern.exec(balancerFile(name)) ?? [];
      assert.ok(Number(seconds) * 1_000 > pingInterval + pingTimeout, `${name}: ${pattern} is ${seconds}`);
    }
    // The numbers that the file's comment tells.
    const told = `the ${pingInterval / 1_000} s between heartbeats, and the ${(pingInterval + pingTimeout) / 1_000} s after which`;
    assert.ok(balancerFile(name).includes(told), `${name} says: ${told}`);
  }
});
