import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { type Clock, realClock } from "../../../../src/protocol/clock.js";
import { ALL_APPLIED } from "../../../../src/store/durability.js";
import { NO_HISTORY } from "../../../../src/store/history.js";
import { LocalRoll } from "../../../../src/store/roll.js";
import { StoreAway } from "../../../../src/store/store.js";
import { DOWN, RELAY_SUBPROTOCOL, type Welcome } from "../../../../src/store/upstream/calls.js";
import { pack, unpack } from "../../../../src/store/upstream/packed.js";
import { UpstreamStore } from "../../../../src/store/upstream/upstream-store.js";
import { until } from "../../../support/until.js";

const SECRET = "a secret of at least thirty-two bytes";
const WELCOME: Welcome = {
  instance: "upstream",
  isAvailable: true,
  durabilities: { ...ALL_APPLIED, boards: [] },
  histories: { boards: [], others: NO_HISTORY.others },
};
/** All waits take a tenth of their time. */
const FAST: Clock = {
  ...realClock,
  now: () => realClock.now() * 10,
  after: (ms, run) => realClock.after(ms / 10, run),
};

/** An upstream that answers `enroll` from `roll`, and nothing else. */
async function startUpstream(
  t: TestContext,
  roll: LocalRoll,
  welcomed: (socket: WebSocket) => void = () => undefined,
  { welcome = WELCOME, port = 0 } = {},
) {
  const server = new WebSocketServer({ port, host: "127.0.0.1", handleProtocols: () => RELAY_SUBPROTOCOL });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    socket.on("message", async (data) => {
      const message = unpack(data as Buffer)?.value;
      assert.ok(Array.isArray(message));
      const [id, call, [name, record]] = message;
      if (call !== "enroll") return;
      socket.send(pack([DOWN.answer, id, await roll.enroll(name, record)]));
    });
    socket.send(pack([DOWN.welcome, welcome]));
    welcomed(socket);
  });
  return urlOf(server);
}

/** Takes connections and says nothing. */
async function startHung(t: TestContext) {
  const server = createServer((socket) => void t.after(() => socket.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return urlOf(server);
}

function urlOf(server: Pick<WebSocketServer, "address">): string {
  const address = server.address();
  assert.ok(typeof address === "object" && address);
  return `ws://127.0.0.1:${address.port}/socketscaler`;
}

async function open(t: TestContext, urls: readonly string[], more: { clock?: Clock; incidents?: string[] } = {}) {
  const { clock = realClock, incidents = [] } = more;
  const store = await UpstreamStore.open({ urls, secret: SECRET, clock, incident: (text) => incidents.push(text) });
  t.after(() => store.close());
  return store;
}

test("an upstream that takes the relay and drops it at once is tried less and less often", async (t) => {
  const openedMs: number[] = [];
  let enough: () => void = () => undefined;
  const sixth = new Promise<void>((done) => {
    enough = done;
  });
  const url = await startUpstream(t, new LocalRoll(realClock.now), (socket) => {
    socket.terminate();
    if (openedMs.push(realClock.now()) === 6) enough();
  });
  await open(t, [url, url]);
  await sixth;
  const [first = 0] = openedMs;
  // The second round waits for at least 50 ms before each attempt, and the third for at least 100.
  assert.ok((openedMs.at(-1) ?? 0) - first > 200, "attempts 3 to 6 had to wait");
});

test("upstreams that hang do not make another look as if it had other boards", async (t) => {
  const roll = new LocalRoll(FAST.now);
  const incidents: string[] = [];
  const [first, other] = [await startUpstream(t, roll), await startUpstream(t, roll)];
  const hung = await Promise.all(Array.from({ length: 4 }, () => startHung(t)));
  await open(t, [first, ...hung, other], { clock: FAST, incidents });
  assert.deepEqual(
    incidents.map((text) => /not used until|different boards/.exec(text)?.[0]),
    hung.map(() => "not used until"),
  );
  assert.ok(!incidents.some((text) => text.includes(other)));
});

test("a relay that stood still itself does not take its upstream for dead", async (t) => {
  const incidents: string[] = [];
  const url = await startUpstream(t, new LocalRoll(FAST.now));
  const store = await open(t, [url], { clock: FAST, incidents });
  const untilMs = performance.now() + 300;
  while (performance.now() < untilMs);
  await store.enroll("relay", "still here");
  assert.deepEqual(incidents, []);
});

test("a relay whose upstream has no store at its start uses another", async (t) => {
  const roll = new LocalRoll(realClock.now);
  const away = await startUpstream(t, roll, undefined, { welcome: { ...WELCOME, isAvailable: false } });
  const store = await open(t, [away, await startUpstream(t, roll)]);
  await until("the other is used", () => store.available);
});

test("a relay whose upstream loses its store moves to another, and waits for no answer of the first", async (t) => {
  const roll = new LocalRoll(realClock.now);
  const lose = (socket: WebSocket) => () => socket.send(pack([DOWN.event, { kind: "available", isAvailable: false }]));
  const losses: (() => void)[] = [];
  const used = (socket: WebSocket) => void losses.push(lose(socket));
  const [first, second] = [await startUpstream(t, roll, used), await startUpstream(t, roll)];
  const incidents: string[] = [];
  const store = await open(t, [first, second], { incidents });
  const changes: boolean[] = [];
  store.onAvailable((available) => changes.push(available));
  const unanswered = assert.rejects(
    store.read({ board: "main", page: 0 }),
    (error) => error instanceof StoreAway && error.sent,
  );
  losses[0]?.();
  await until("it has moved", () => changes.length === 2);
  assert.deepEqual(changes, [false, true]);
  await unanswered;
  assert.deepEqual(incidents, []);
});

test("an upstream that was down at the start is used once it could be compared", async (t) => {
  const roll = new LocalRoll(FAST.now);
  const links: WebSocket[] = [];
  const first = await startUpstream(t, roll, (socket) => void links.push(socket));
  const down = createServer().listen(0, "127.0.0.1");
  await once(down, "listening");
  const other = urlOf(down);
  down.close();
  const store = await open(t, [first, other], { clock: FAST });
  let linksToOther = 0;
  await startUpstream(t, roll, () => void linksToOther++, { port: Number(new URL(other).port) });
  // The mark on the roll is removed at the end.
  await until("it was compared", async () => linksToOther === 1 && (await roll.enroll("-", "")).length === 0);
  for (const socket of links) socket.terminate();
  await until("it is used", () => linksToOther === 2 && store.available);
});
