/*
 * A store that loses its tail and goes on: the fork.
 *
 *     primary   … 4a ─ 5a │ 6a ─ 7a ─ 8a ─ 9a ─ 10a     seen by instance `past`, then the primary dies
 *                         │ here the replica is cut off, and instance `below` too
 *     replica   … 4a ─ 5a │ 6b ─ 7b ─ 8b ─ 9b ─ 10b     promoted, and written through instance `beyond`
 *
 * Then all three instances are on the replica. Version 10 stands for two different states. By the tag, `past` finds out
 * that 10a is no part of the surviving history and takes a snapshot, and `below` goes on from 5a by deltas.
 *
 * The negative control runs the same fork over positions of version and epoch: the epoch was replicated with all else, so
 * 10a and 10b are the same position. `past` is told that nothing is missing, its position checks agree, the next delta
 * fits; and it is wrong for good. That is what the tag is for.
 */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Position } from "../../src/board/position.js";
import type { Store } from "../../src/store/store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { bitsOf, storedBits, type TestClient, untilAllShow, watchBoard } from "../support/clients.js";
import { EpochStore } from "../support/epoch-store.js";
import { type LocalInstance, spawnInstance, startInstance } from "../support/instances.js";
import { type RawClient, rawClient } from "../support/raw-client.js";
import { ask } from "../support/resp.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SIZE = 62;
const FLAGS = { BOARDS: `main=${SIZE}`, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };
const PAGE = { board: "main", page: 0 };
/** Written before the fork; on the side that is lost; on the side that survives. */
const COMMON = [0, 1, 2, 3, 4];
const LOST = [10, 11, 12, 13, 14];
const SURVIVING = [20, 21, 22, 23, 24];
/** A round of position checks comes every 400 ms; so many of a page that stands still take about five seconds. */
const CHECKS = 3;

/** One instance, with a user of the library, and a client that counts frames. */
interface Side {
  readonly instance: LocalInstance;
  readonly store: Store;
  readonly user: TestClient;
  readonly raw: RawClient;
}

async function startSide(t: TestContext, url: string, wrap: (store: ValkeyStore) => Store): Promise<Side> {
  const store = wrap(await ValkeyStore.open({ url }));
  const instance = await startInstance(FLAGS, store);
  t.after(async () => {
    await instance.stop();
    await store.close();
  });
  const user = await watchBoard(instance.url);
  const raw = await rawClient(instance.url);
  t.after(() => {
    user.close();
    raw.close();
  });
  await raw.watch([0]);
  return { instance, store, user, raw };
}

/** Another client that watches the page until it is closed; then it can return elsewhere from where it stood. */
async function startVisitor(t: TestContext, side: Side): Promise<RawClient> {
  const visitor = await rawClient(side.instance.url);
  t.after(() => visitor.close());
  await visitor.watch([0]);
  return visitor;
}

/** Each write a batch of its own, so a version of its own. */
async function check({ user }: Side, cells: readonly number[]): Promise<void> {
  for (const cell of cells) await user.board.set(cell, true);
}

function positionOf(raw: RawClient): Position {
  const position = raw.replicas.get(0)?.position;
  assert.ok(position);
  return position;
}

function framesOf(raw: RawClient): string[] {
  return raw.frames.map(({ kind, outcome }) => `${kind} ${outcome}`);
}

/** Plays the scene up to the moment when everybody is on the survivor. */
async function fork(t: TestContext, wrap: (store: ValkeyStore) => Store) {
  const [primary, replica] = await Promise.all([startServer(), startServer()]);
  const proxies = await Promise.all([primary, primary, primary].map(({ port }) => TcpProxy.start(port)));
  const [replication, pastLink, belowLink] = proxies;
  assert.ok(replication && pastLink && belowLink);
  t.after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all([primary.stop(), replica.stop()]);
  });
  await ask(replica.port, "REPLICAOF", "127.0.0.1", replication.port);
  const past = await startSide(t, `valkey://127.0.0.1:${pastLink.port}`, wrap);
  const below = await startSide(t, `valkey://127.0.0.1:${belowLink.port}`, wrap);

  await check(past, COMMON);
  const versionBelow = COMMON.length;
  await until("`below` is at the fork", () => positionOf(below.raw).version === versionBelow);
  await until("the replica is at the fork", async () => {
    return String(await ask(replica.port, "HGET", "ss:{main:0}:head", "v")) === String(versionBelow);
  });
  const visitorBelow = await startVisitor(t, below);
  visitorBelow.close();

  replication.refuse();
  belowLink.refuse();
  await check(past, LOST);
  const version = versionBelow + LOST.length;
  await until("`past` is past the fork", () => positionOf(past.raw).version === version);
  const visitorPast = await startVisitor(t, past);
  visitorPast.close();

  pastLink.refuse();
  await primary.kill();
  await ask(replica.port, "REPLICAOF", "NO", "ONE");
  const beyond = await startSide(t, replica.url, wrap);
  await check(beyond, SURVIVING);
  await until("the survivor used the same versions again", () => positionOf(beyond.raw).version === version);
  const before = { lost: positionOf(past.raw), surviving: positionOf(beyond.raw) };
  for (const { raw } of [past, below]) raw.frames.length = 0;

  for (const link of [pastLink, belowLink]) {
    link.moveTo(replica.port);
    link.heal();
  }
  await until("every instance is on the survivor", () => past.store.available && below.store.available);
  const stored = async () => storedBits(beyond.instance.url, SIZE);
  return { past, below, beyond, visitorPast, visitorBelow, before, stored };
}

function bitsWith(...cells: readonly number[]): string {
  return Array.from({ length: SIZE }, (_, cell) => (cells.includes(cell) ? "1" : "0")).join("");
}

describe("a replica that lacks the last five writes is promoted, and takes five others under the same versions", () => {
  test("with tags, all converge on the survivor: past the fork by a snapshot, at the fork by deltas", async (t) => {
    const { past, below, beyond, visitorPast, visitorBelow, before, stored } = await fork(t, (store) => store);
    assert.equal(before.lost.version, before.surviving.version);
    assert.notEqual(before.lost.tag, before.surviving.tag);
    const expected = bitsWith(...COMMON, ...SURVIVING);
    assert.equal(await stored(), expected);
    const boards = [past, below, beyond].map(({ user }) => user.board);
    await untilAllShow(boards, expected);
    await until("both have moved", () => past.raw.frames.length > 0 && below.raw.frames.length > 0);
    assert.deepEqual(framesOf(past.raw), ["snapshot applied"]);
    assert.deepEqual(new Set(framesOf(below.raw)), new Set(["delta applied"]));

    // Each to the instance where the other was: it is the client's own position that decides.
    const [fromBelow, fromPast] = [await rawClient(past.instance.url), await rawClient(below.instance.url)];
    t.after(() => [fromBelow, fromPast].map((client) => client.close()));
    await fromBelow.watch([0], visitorBelow);
    await fromPast.watch([0], visitorPast);
    assert.deepEqual(framesOf(fromBelow), ["delta applied"]);
    assert.deepEqual(framesOf(fromPast), ["snapshot applied"]);
    for (const client of [fromBelow, fromPast]) assert.deepEqual(positionOf(client), before.surviving);

    await check(past, [30]);
    await untilAllShow(boards, bitsWith(...COMMON, ...SURVIVING, 30));
  });

  test("with version and epoch alone, those past the fork stay wrong: the control that shows what the tag is for", async (t) => {
    const { past, below, beyond, visitorPast, before, stored } = await fork(t, (store) => new EpochStore(store));
    assert.deepEqual(before.lost, before.surviving, "the control is to be blind to the fork");
    const wrong = bitsWith(...COMMON, ...LOST);
    await untilAllShow([below.user.board], await stored());

    let checks = 0;
    const { heads } = past.store;
    past.store.heads = (pages) => {
      checks++;
      return heads.call(past.store, pages);
    };
    await until(`${CHECKS} position checks have found nothing`, () => checks >= CHECKS, 30_000);
    assert.equal(bitsOf(past.user.board), wrong, "the control healed, so this test proves nothing about the tag");
    assert.notEqual(bitsOf(past.user.board), await stored());

    // Not even the next write tells: its delta fits.
    await check(beyond, [30]);
    await until("everybody has the next write", () => past.user.board.get(30) === true);
    assert.deepEqual((await past.store.heads([PAGE]))[0]?.position, positionOf(past.raw));
    assert.equal(bitsOf(past.user.board), bitsWith(...COMMON, ...LOST, 30), "the control healed");

    const returned = await rawClient(below.instance.url);
    t.after(() => returned.close());
    await returned.watch([0], visitorPast);
    assert.deepEqual(framesOf(returned), ["delta applied"], "a client that returns is led further astray");
    assert.equal(returned.replicas.get(0)?.get(LOST[0] ?? 0), 1);
  });
});

describe("a primary that is restored from an older dump under live clients", () => {
  test("is what every client shows within 3 s, without a reload and without other traffic", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instances = await Promise.all([1, 2].map(() => spawnInstance({ ...FLAGS, VALKEY_URL: valkey.url })));
    t.after(() => Promise.all(instances.map((instance) => instance.kill())));
    const clients = await Promise.all([...instances, ...instances].map(({ url }) => watchBoard(url)));
    t.after(() => {
      for (const client of clients) client.close();
    });
    let losses = 0;
    for (const { client } of clients) client.on("state", ({ connected }) => (losses += connected ? 0 : 1));
    const boards = clients.map(({ board }) => board);
    const [board] = boards;
    assert.ok(board);
    for (const cell of COMMON) await board.set(cell, true);
    await ask(valkey.port, "SAVE");
    await board.set(COMMON[0] ?? 0, false);
    for (const cell of LOST) await board.set(cell, true);
    await untilAllShow(boards, bitsWith(...COMMON.slice(1), ...LOST));
    await valkey.restart();
    await untilAllShow(boards, bitsWith(...COMMON), 3_000);
    assert.equal(losses, 0, "a client connected anew");
  });
});
