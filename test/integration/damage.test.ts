/* One page's data is not valid; the instance, its other pages and their clients go on. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SignJWT } from "jose";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { startInstance } from "../support/instances.js";
import { pageKeys } from "../support/keys.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };
const SPOILT = [
  [
    "a tag that is none",
    ["HSET", pageKeys(page).head, "t", "no tag!!"],
    ["HSET", pageKeys(page).head, "t", "AbcdEfgh"],
  ],
  ["a head of another type", ["SET", pageKeys(page).head, "text"], ["DEL", pageKeys(page).head]],
] as const;

for (const [what, spoil, mend] of SPOILT) {
  test(`a page with ${what} is refused by a code through every door, and served again when it is mended`, async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const incidents: string[] = [];
    const store = await ValkeyStore.open({ url: valkey.url, incident: (line) => incidents.push(line) });
    const instance = await startInstance({ BOARDS: "main=200000" }, store);
    t.after(async () => {
      await instance.stop();
      await store.close();
    });
    const run = ([name, key, ...args]: readonly [string, string, ...string[]]) =>
      store.command(key, name, key, ...args);
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    await client.watch([0, 1]);
    const session = newSession();
    let seq = 0;
    assert.ok("at" in (await client.write(session, ++seq, [[1, 1]])));
    await until("the page is here", () => client.replicas.get(0)?.get(1) === 1);
    await run(spoil);

    const newcomer = await rawClient(instance.url);
    t.after(() => newcomer.close());
    for (let attempt = 0; attempt < 3; attempt++) {
      const { error } = await client.write(session, ++seq, [[2, 1]]);
      assert.equal(error?.code, "PAGE_DAMAGED");
      const response = await fetch(`${instance.url}/boards/main/pages/0`, { headers: { "cache-control": "no-cache" } });
      assert.equal(response.status, 500);
      const body: { error: { code: string } } = await response.json();
      assert.equal(body.error.code, "PAGE_DAMAGED");
      // The other page of the same board, for who was there and who comes.
      assert.ok("at" in (await client.write(session, ++seq, [[70_000 + attempt, 1]])));
      await newcomer.watch([1]);
      await until("the other page goes on", () => newcomer.replicas.get(1)?.get(70_000 + attempt - 65_536) === 1);
    }
    // An instance that does not hold the page has nothing of it to show.
    const fresh = await startInstance({ BOARDS: "main=200000" }, store);
    t.after(() => fresh.stop());
    const stranger = await rawClient(fresh.url);
    t.after(() => stranger.close());
    const refused = await stranger.ask("watch", { handle: stranger.opened?.handle, pages: [0] });
    assert.equal(refused.error?.code, "PAGE_DAMAGED");

    assert.equal(new Set(incidents).size, incidents.length, incidents.join("\n"));
    assert.ok(incidents.length <= 4, incidents.join("\n"));
    await run(mend);
    await until("writes are taken", async () => "at" in (await client.write(session, ++seq, [[3, 1]])));
    await until("and seen", () => client.replicas.get(0)?.get(3) === 1);
  });
}

test("the frozen regions of a board are listed although pages are damaged, and those that cannot be known are named", async (t) => {
  const secret = "a secret of at least thirty-two bytes";
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const store = await ValkeyStore.open({ url: valkey.url });
  const instance = await startInstance({ BOARDS: "main=300000", JWT_SECRET: secret }, store);
  t.after(async () => {
    await instance.stop();
    await store.close();
  });
  const token = await new SignJWT({ boards: { main: "admin" }, sub: "ann" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const freeze = async (start: number, end: number) => {
    const body = JSON.stringify({ start, end });
    assert.equal((await fetch(`${instance.url}/boards/main/freeze`, { method: "POST", headers, body })).status, 200);
  };
  for (const number of [0, 1, 2, 3, 4]) await freeze(65_536 * number + 10, 65_536 * number + 20);
  const head = (number: number) => pageKeys({ board: "main", page: number }).head;
  await store.command(head(0), "HSET", head(0), "t", "no tag!!");
  await store.command(head(2), "HSET", head(2), "fz", "everything");
  await store.command(head(3), "DEL", head(3));
  await store.command(head(3), "SET", head(3), "text");
  const response = await fetch(`${instance.url}/boards/main/frozen`, { headers });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    frozen: [0, 1, 4].map((number) => ({ start: 65_536 * number + 10, end: 65_536 * number + 20 })),
    unknown: [{ start: 2 * 65_536, end: 4 * 65_536 }],
  });
});
