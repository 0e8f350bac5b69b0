/* The server of the example of a seat map, where giving a seat back is cut short. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startApp } from "../support/embedded-app.js";
import { program } from "../support/program.js";
import { until } from "../support/until.js";
import { freePort, type ServerProcess, startServer } from "../support/valkey-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SEAT = 13;

let valkey: ServerProcess;
before(async () => {
  valkey = await startServer();
});
after(() => valkey.stop());

async function start(t: TestContext) {
  const port = await freePort();
  const child = spawn(process.execPath, program("examples/seat-map/server.ts"), {
    cwd: root,
    env: { ...process.env, PORT: String(port), VALKEY_URL: valkey.url },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  t.after(kill);
  await once(child.stdout, "data");
  const url = `http://localhost:${port}`;
  const ask = async (visitor: string, method: string, path: string, body?: string) => {
    const headers = { cookie: `visitor=${visitor}`, "content-type": "application/json" };
    return fetch(url + path, { method, headers, ...(body ? { body } : {}) });
  };
  return {
    kill,
    take: async (visitor: string) =>
      (await ask(visitor, "PUT", `/boards/seats/cells/${SEAT}`, '{"value":true}')).status,
    giveBack: async (visitor: string) => (await ask(visitor, "DELETE", `/my/seats/${SEAT}`)).status,
    seatsOf: async (visitor: string) => (await ask(visitor, "GET", "/my/seats")).json(),
  };
}

describe("the server of the seat map", () => {
  test("frees a seat whose giving back was cut short before the board had it, and lets anybody take it", async (t) => {
    const { boards } = await startApp(t, { boards: { seats: 96 }, valkeyUrl: valkey.url });
    const { store } = boards.instance;
    const seats = boards.board("seats");
    // What keeps the board from taking it, as the end of the process would.
    const freeze = async (isFrozen: boolean) => {
      await store.freeze({ board: "seats", page: 0 }, { start: SEAT, end: SEAT + 1 }, isFrozen);
    };
    const cutShort = async () => {
      const first = await start(t);
      assert.equal(await first.take("ann"), 200);
      await freeze(true);
      await first.giveBack("ann");
      assert.equal(await seats.get(SEAT), true);
      await first.kill();
      await freeze(false);
    };
    await cutShort();
    const second = await start(t);
    await until("the seat looks free again", async () => !(await seats.get(SEAT)));
    assert.equal(await second.take("ben"), 200);
    assert.deepEqual([await second.seatsOf("ann"), await second.seatsOf("ben")], [[], [SEAT]]);
    assert.equal(await second.take("ann"), 403);
    assert.equal(await second.giveBack("ben"), 204);
    assert.equal(await seats.get(SEAT), false);

    // The same where another instance goes on: whoever loads the page next sees it free.
    await cutShort();
    assert.deepEqual(await second.seatsOf("ben"), []);
    assert.equal(await seats.get(SEAT), false);
    assert.equal(await second.take("ann"), 200);
  });
});
