/* Any name that the rule for names allows works everywhere, also one that every JavaScript object has. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SignJWT } from "jose";
import { connect } from "../../src/client/index.js";
import { runCommand } from "../support/command.js";
import { temporaryFolder } from "../support/folder.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const NAMES = ["__proto__", ...Object.getOwnPropertyNames(Object.prototype), "0", "-", "_", "undefined", "null", "NaN"];
const BOARDS = [...new Set(NAMES)].filter((name) => /^[A-Za-z0-9_-]{1,64}$/.test(name));
const SECRET = "a secret of at least 32 characters, for tests";

const each = (value: unknown) => BOARDS.map((name) => `${name}=${value}`).join();
const settings = { BOARDS: each(100), ACCESS: each("token"), HISTORY: each("1h"), JWT_SECRET: SECRET };

/** With a claim that an object literal would not make of `__proto__`. */
function adminToken(): Promise<string> {
  const boards = Object.fromEntries(BOARDS.map((name) => [name, "admin"]));
  return new SignJWT({ boards })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
}

async function useAll(t: { after(end: () => unknown): unknown }, writer: ProcessInstance, reader: ProcessInstance) {
  const token = await adminToken();
  const [one, other] = [writer, reader].map(({ url }) => connect(url, { token: () => token }));
  assert.ok(one && other);
  t.after(() => [one, other].map((client) => client.close()));
  const use = async (name: string) => {
    const [board, seen] = [one.board(name), other.board(name)];
    seen.watchOverview();
    await Promise.all([board.ready, seen.ready]);
    await Promise.all([board.watch({ start: 0, end: 100 }).ready, seen.watch({ start: 0, end: 100 }).ready]);
    await board.set(42, true);
    await until(`${name}: the other hears of it`, () => seen.get(42) === true);
    await until(`${name}: so does its overview, and that two look`, () => {
      return seen.overview?.total === 1 && seen.overview.watchers(0) === 2;
    });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    for (const path of ["", "/pages/0", "/pages/0/history", "/frozen"]) {
      const { status } = await fetch(`${reader.url}/boards/${name}${path}`, { headers });
      assert.equal(status, 200, `${name}${path}`);
    }
    for (const action of ["freeze", "thaw"]) {
      const { status } = await fetch(`${writer.url}/boards/${name}/${action}`, { method: "POST", headers });
      assert.equal(status, 200, `${name}/${action}`);
    }
  };
  await Promise.all(BOARDS.map(use));
  for (const { output } of [writer, reader]) {
    assert.deepEqual(
      output.filter((line) => !/"msg":"(serving|admin action)"/.test(line)),
      [],
    );
  }
}

describe(`boards with names such as ${BOARDS.slice(0, 3)}`, () => {
  test("are used, watched, counted and administered, over Valkey", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { ...settings, VALKEY_URL: valkey.url };
    const [writer, reader] = await Promise.all([spawnInstance(flags), spawnInstance(flags)]);
    t.after(() => Promise.all([writer.kill(), reader.kill()]));
    await useAll(t, writer, reader);
  });

  test("and with the embedded store, from which they are exported too", async (t) => {
    const folder = temporaryFolder(t);
    const flags = { ...settings, DURABILITY: each("fsynced"), DATA_DIR: join(folder, "data") };
    const instance = await spawnInstance(flags);
    t.after(() => instance.kill());
    await useAll(t, instance, instance);
    await instance.kill("SIGTERM");
    const out = join(folder, "out.jsonl");
    const { BOARDS: boards, DATA_DIR } = flags;
    const { code, stderr } = await runCommand(["export", "--board", "__proto__", "--out", out], {
      BOARDS: boards,
      DATA_DIR,
    });
    assert.equal(code, 0, stderr);
    assert.match(readFileSync(out, "utf8"), /"__proto__"/);
  });
});
