/* What the app's server and admins do with claims: list, extend, confirm, release, and hear of holds that have ended. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import { connect } from "../../src/client/index.js";
import { ownerOf } from "../../src/server/index.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { outcome } from "../support/outcome.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SECRET = "a secret of at least thirty-two bytes";

function tokenOf(sub: string, right = "write"): Promise<string> {
  return new SignJWT({ sub, boards: { "*": right } })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
}

async function hall(t: TestContext, claims: string) {
  const options = { boards: { seats: 70_000, plain: 100 }, claims, jwtSecret: SECRET, dataDir: temporaryFolder(t) };
  const { url, boards, logged } = await startApp(t, options);
  const user = async (name: string) => {
    const client = connect(url, { token: () => tokenOf(name) });
    t.after(() => client.close());
    const board = client.board("seats");
    await board.watch({ start: 0, end: 70_000 }).ready;
    return board;
  };
  return { url, seats: boards.board("seats"), plain: boards.board("plain"), user, logged };
}

test("the app sees who has which seats, confirms them for their owner, and for nobody else", async (t) => {
  const { seats, user } = await hall(t, "seats=5m");
  const [ann, ben] = [await user("ann"), await user("ben")];
  await Promise.all([ann.set(7, true), ann.set(66_000, true), ben.set(8, true)]);
  const claims = await seats.claims();
  const owners = claims.map(({ cell, owner }) => [cell, owner]);
  assert.deepEqual(owners, [
    [7, ownerOf({ subject: "ann" })],
    [8, ownerOf({ subject: "ben" })],
    [66_000, ownerOf({ subject: "ann" })],
  ]);
  for (const { endMs = 0 } of claims) {
    assert.ok(endMs > Date.now() + 290_000 && endMs <= Date.now() + 300_000, `five minutes, not until ${endMs}`);
  }
  assert.equal(await outcome(seats.confirm([7, 8], { subject: "ann" })), "TAKEN", "all or nothing");
  assert.equal(await outcome(seats.confirm([7], { subject: "ann" })), "done");
  await until("her client knows that it has no end", () => ann.mine.has(7) && ann.mine.get(7) === undefined);
  const before = ben.mine.get(8) ?? 0;
  await seats.extend([8], 600_000);
  await until("his knows the new end", () => (ben.mine.get(8) ?? 0) > before + 200_000);
  assert.equal(await outcome(seats.extend([9], 1_000)), "TAKEN", "nobody has it");
  assert.throws(() => seats.extend([8], 0.5), RangeError);
  assert.deepEqual(
    (await seats.claims({ start: 7, end: 9 })).map(({ cell }) => cell),
    [7, 8],
  );
});

test("the app writes for a user, or for itself; it releases what anybody has", async (t) => {
  const { seats, plain, user } = await hall(t, "seats");
  const ann = await user("ann");
  await seats.set(1, true, { subject: "ann" });
  await until("it is hers", () => ann.mine.has(1));
  await seats.set(2, true);
  assert.equal(await outcome(ann.set(2, false)), "TAKEN", "it is the app's");
  assert.equal(await outcome(seats.set(1, false)), "TAKEN", "the app is not she");
  assert.equal(await outcome(seats.release([1], { subject: "ben" })), "TAKEN");
  await seats.release([1, 2]);
  await until("both are free", () => ann.mine.size === 0 && ann.get(2) === false);
  await ann.set(2, true);
  assert.deepEqual(await plain.claims(), []);
  assert.equal(await outcome(plain.confirm([1])), "BAD_REQUEST", "it has no claims");
  assert.equal(await outcome(seats.confirm([70_000])), "CELL_OUT_OF_RANGE");
});

test("the app confirms for a visitor who is only remembered, by the id that their page sends", async (t) => {
  const { url, seats } = await hall(t, "seats=5m");
  const kept = new Map<string, string>();
  const localStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, id: string) => void kept.set(key, id),
  };
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, "localStorage"));
  const client = connect(url, { remember: true });
  t.after(() => client.close());
  const board = client.board("seats");
  await board.watch({ start: 0, end: 100 }).ready;
  await board.set(5, true);
  const { visitor = "" } = client;
  assert.match(visitor, /^[\w-]{22}$/);
  assert.equal(await outcome(seats.confirm([5], { visitor: "A".repeat(22) })), "TAKEN");
  await seats.confirm([5], { visitor });
  assert.deepEqual(await seats.claims(), [{ cell: 5, owner: ownerOf({ visitor }), endMs: undefined }]);
});

test("a subject that is named but unknown is nobody, not anybody", async (t) => {
  const { seats } = await hall(t, "seats=5m");
  await seats.set(1, true, { subject: "ann" });
  for (const subject of [undefined, null, ""] as unknown as string[]) {
    assert.throws(() => seats.confirm([1], { subject }), TypeError, `confirm for ${subject}`);
    assert.throws(() => seats.release([1], { subject }), TypeError, `release for ${subject}`);
    await assert.rejects(seats.set(2, true, { subject }), TypeError, `set for ${subject}`);
  }
  const [claim, ...others] = await seats.claims();
  assert.deepEqual([claim?.owner, others], [ownerOf({ subject: "ann" }), []]);
  assert.ok(claim?.endMs !== undefined, "it was not confirmed");
});

test("the app hears of holds that have ended, and a listener that throws harms nobody", async (t) => {
  const { seats, user, logged } = await hall(t, "seats=1s");
  const heard: number[] = [];
  seats.onExpired(() => {
    throw new Error("of the app");
  });
  const stop = seats.onExpired((cells) => heard.push(...cells));
  const ann = await user("ann");
  await ann.setAll([
    [3, true],
    [4, true],
  ]);
  await seats.confirm([4]);
  await until("one has ended", () => heard.length > 0);
  assert.deepEqual(heard, [3]);
  await until("she has the other", () => [...ann.mine.keys()].join() === "4");
  await until("the failure is logged", () => logged.some(({ hook }) => hook === "onExpired"));
  stop();
});

test("a hall that is added at run time has claims of its own, on every instance", async (t) => {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const options = { boards: { main: 100 }, valkeyUrl: valkey.url, jwtSecret: SECRET };
  const [here, there] = [await startApp(t, options), await startApp(t, options)];
  await here.boards.add("hall", 240, { claims: "2s" });
  await assert.rejects(here.boards.add("hall", 240, { claims: "5m" }), /a different claim rule/);
  await assert.rejects(here.boards.add("other", 240, { claims: "soon" }), /expected a time such as 5m/);
  await here.boards.add("hall", 240);
  await until("the other instance has it", async () => (await fetch(`${there.url}/boards/hall`)).ok);
  const client = connect(there.url, { token: () => tokenOf("ann") });
  t.after(() => client.close());
  const board = client.board("hall");
  await board.watch({ start: 0, end: 240 }).ready;
  assert.deepEqual(board.claims, { ms: 2_000, isLease: false });
  await board.set(7, true);
  assert.equal(await outcome(here.boards.board("hall").set(7, false)), "TAKEN");
  await until("the hold ends", () => board.get(7) === false);
  // An instance that starts later takes the rule from the store.
  const late = await startApp(t, options);
  await board.set(8, true);
  assert.equal(await outcome(late.boards.board("hall").set(8, false)), "TAKEN");
});

test("admins do the same over HTTP, and nobody else", async (t) => {
  const { url, user } = await hall(t, "seats=5m");
  const ann = await user("ann");
  await ann.set(7, true);
  const ask = async (right: string, body?: object) => {
    const headers = { Authorization: `Bearer ${await tokenOf("root", right)}`, "Content-Type": "application/json" };
    const post = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${url}/boards/seats/claims`, { headers, ...post });
    return { status: response.status, body: await response.json() };
  };
  assert.equal((await ask("write")).status, 403);
  assert.equal((await ask("write", { action: "release", cells: [7] })).status, 403);
  const { claims } = (await ask("admin")).body;
  assert.deepEqual([claims.length, claims[0].cell, claims[0].owner], [1, 7, ownerOf({ subject: "ann" })]);
  assert.equal((await ask("admin", { action: "confirm", cells: [7], subject: "ben" })).body.error.code, "TAKEN");
  assert.deepEqual((await ask("admin", { action: "confirm", cells: [7], subject: "ann" })).body, { ok: true });
  assert.equal((await ask("admin")).body.claims[0].endMs, null);
  assert.equal((await ask("admin", { action: "extend", cells: [7] })).status, 400, "a time is missing");
  assert.equal((await ask("admin", { action: "release", cells: [70_000] })).body.error.code, "CELL_OUT_OF_RANGE");
  assert.deepEqual((await ask("admin", { action: "release", cells: [7] })).body, { ok: true });
  await until("she has lost it", () => ann.mine.size === 0);
});
