/*
 * Clients that do not read, or read slowly, over either transport: what waits for each stays under the option, everybody
 * else gets everything, and an end comes in time.
 */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { encodeRequest, LANE_PROTOCOL } from "../../src/protocol/lane.js";
import { LaneConnection } from "../../src/server/lane/lane-connection.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { churn } from "../support/churn.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { heldByTcp, heldBytes } from "../support/held-bytes.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { Link } from "../support/link.js";
import { newSession, RawClient, rawClient } from "../support/raw-client.js";
import { BINARY, frame, rawLane } from "../support/raw-socket.js";
import { until } from "../support/until.js";

const PAGES = 8;
const SIZE = PAGES * PAGE_CELLS;
const BUFFER_BYTES = 65_536;
const FLAGS = {
  BOARDS: `main=${SIZE}`,
  CLIENT_BUFFER_BYTES: String(BUFFER_BYTES),
  FLUSH_MS: "1",
  FLUSH_UNSEEN_MS: "1",
};

let store: EmbeddedStore;
before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
});
after(() => store.close());

async function start(t: TestContext): Promise<LocalInstance> {
  const instance = await startInstance(FLAGS, store);
  t.after(() => instance.stop());
  patient(t, instance);
  return instance;
}

/** Heartbeats would end a client that does not read before a slow machine has filled the buffers on the way. */
function patient({ mock }: TestContext, { io }: LocalInstance): void {
  mock.method(LaneConnection.prototype, "beatAlone", () => true);
  Object.assign(io.engine, { opts: { ...io.engine.opts, pingInterval: 120_000 } });
}

async function openLink(t: TestContext, instance: LocalInstance): Promise<Link> {
  const link = await Link.open([instance.url]);
  t.after(() => link.close());
  return link;
}

/** A raw client that watches every page through a link of its own. */
async function watcher(t: TestContext, url: string): Promise<RawClient> {
  const client = await rawClient(url);
  t.after(() => client.close());
  await client.watch(Array.from({ length: PAGES }, (_, page) => page));
  return client;
}

/** Watches every page over the lane, and never reads. */
async function deafLaneWatcher(t: TestContext, instance: LocalInstance): Promise<void> {
  const { client } = await rawLane(instance);
  t.after(() => client.destroy());
  const pages = Array.from({ length: PAGES }, (_, page) => page);
  const requests = {
    hello: { protocol: LANE_PROTOCOL },
    open: { board: "main", protocol: LANE_PROTOCOL, session: newSession() },
    watch: { board: "main", pages },
  };
  for (const [id, [name, request]] of Object.entries(requests).entries())
    client.write(frame(BINARY, encodeRequest(id, name, request)));
}

/** Changes the pages until `isEnough`, and some more; the most that was held for one client meanwhile. */
async function churnUntil(
  instance: LocalInstance,
  isEnough: () => boolean,
  held = () => heldBytes(instance.io),
): Promise<number> {
  const change = churn(instance, PAGES);
  let most = 0;
  const measured = async () => {
    await change();
    most = Math.max(most, ...held());
    assert.ok(most <= BUFFER_BYTES, `${most} bytes were held for one client`);
  };
  await until(
    "the buffers of the kernel are full",
    async () => {
      await measured();
      return isEnough();
    },
    150_000,
  );
  for (let count = 0; count < 50; count++) await measured();
  return most;
}

/** Sends the only client what it would ignore, until the kernel takes no more of it. */
async function fillKernel(instance: LocalInstance): Promise<void> {
  const held = () => Math.max(...heldBytes(instance.io));
  let full = 0;
  await until("the buffers of the kernel are full", () => {
    const isStuck = held() > BUFFER_BYTES / 4;
    full = isStuck ? full + 1 : 0;
    while (held() <= BUFFER_BYTES / 4) instance.io.of("/boards").emit("padding", "x".repeat(4_096));
    return full > 20;
  });
}

const laggingCount = ({ instance }: LocalInstance) =>
  Array.from(instance.pages.hubs()).reduce((sum, hub) => sum + hub.laggingCount, 0);

describe("clients that do not read", () => {
  test("have no more waiting for them than the option says, at 0 or at 1 KB/s, and others get everything", async (t) => {
    const instance = await start(t);
    const heldByLane = heldByTcp(instance.io);
    const links = await Promise.all(Array.from({ length: 6 }, () => openLink(t, instance)));
    const [slowLink, ...deafLinks] = links;
    assert.ok(slowLink);
    const slow = await watchBoard(slowLink.url);
    t.after(slow.close);
    assert.equal(instance.io.engine.clientsCount, 0, "the library does not use the lane");
    await deafLaneWatcher(t, instance);
    for (const { url } of deafLinks) await watcher(t, url);
    const bystanders = await Promise.all([watchBoard(instance.url), watchBoard(instance.url)]);
    for (const { close } of bystanders) t.after(close);
    slowLink.slow(1_024);
    for (const link of deafLinks) link.slow(0);
    const isEnough = () => laggingCount(instance) >= (links.length + 1) * PAGES;
    const most = await churnUntil(instance, isEnough, () => [...heldBytes(instance.io), ...heldByLane()]);
    t.diagnostic(`at most ${most} bytes were held for one client`);
    assert.ok(most > BUFFER_BYTES / 4, "the clients were not slow");
    const stored = await storedBits(instance.url, SIZE);
    await untilAllShow(
      bystanders.map(({ board }) => board),
      stored,
    );
    slowLink.slow(undefined);
    await untilAllShow([slow.board], stored, 30_000);
  });

  test("are disconnected when even their answers are not read, and cost no more until then", async (t) => {
    const instance = await start(t);
    const link = await openLink(t, instance);
    const deaf = await watcher(t, link.url);
    link.slow(0);
    await fillKernel(instance);
    let most = 0;
    await until("it is disconnected", () => {
      for (let count = 0; count < 10; count++)
        deaf.socket.emit("open", { board: "main", protocol: 1 }, () => undefined);
      most = Math.max(most, ...heldBytes(instance.io));
      return instance.io.engine.clientsCount === 0;
    });
    assert.ok(most <= BUFFER_BYTES, `${most} bytes were held for it`);
    const text = await instance.instance.metrics.text();
    assert.match(text, /socketscaler_refusals_total\{code="TOO_SLOW"\} 1/);
  });

  test("do not hold up the end of an instance", async (t) => {
    const instance = await startInstance(FLAGS, store);
    patient(t, instance);
    const link = await openLink(t, instance);
    await watcher(t, link.url);
    link.slow(0);
    await fillKernel(instance);
    let isClosed = false;
    void instance.stop().then(() => {
      isClosed = true;
    });
    // Without a bound of our own, `ws` waits 30 s for the peer to agree.
    await until("it has closed", () => isClosed, 15_000);
  });
});

describe("long-polling", () => {
  test("a client sees and writes everything", async (t) => {
    const instance = await start(t);
    const [polling, other] = [new RawClient(instance.url, ["polling"]), await watcher(t, instance.url)];
    t.after(() => polling.close());
    await polling.open();
    await polling.watch([0]);
    await churn(instance, 1)();
    assert.ok(!("error" in (await polling.write(newSession(), 1, [[7, 1]]))));
    for (const client of [polling, other]) {
      await until("both have the change", () => client.replicas.get(0)?.get(7) === 1);
    }
    assert.deepEqual(polling.replicas.get(0)?.bits, other.replicas.get(0)?.bits);
  });

  test("a client that no longer asks has no more waiting for it than the option says, and others get everything", async (t) => {
    const instance = await start(t);
    const bystander = await watchBoard(instance.url);
    t.after(bystander.close);
    const poll = await startPolling(instance.url);
    await poll.take();
    const most = await churnUntil(instance, () => laggingCount(instance) >= PAGES);
    assert.ok(most > BUFFER_BYTES / 4, "the client was not slow");
    await untilAllShow([bystander.board], await storedBits(instance.url, SIZE));
  });
});

/** A client of long-polling by hand, which has joined /boards and watches all pages of `main`. */
async function startPolling(url: string) {
  const base = `${url}/socket.io/?EIO=4&transport=polling`;
  const { sid }: { sid: string } = JSON.parse((await (await fetch(base)).text()).slice(1));
  const address = `${base}&sid=${sid}`;
  const take = async () => (await fetch(address)).text();
  const say = async (packet: string) => {
    assert.equal((await fetch(address, { method: "POST", body: packet })).status, 200);
  };
  const pages = Array.from({ length: PAGES }, (_, page) => page);
  await say("40/boards,");
  await take();
  await say(`42/boards,0${JSON.stringify(["open", { board: "main", protocol: 1 }])}`);
  await take();
  await say(`42/boards,1${JSON.stringify(["watch", { handle: 0, pages }])}`);
  return { take };
}
