/* Freezing, thawing and clearing, over two instances on one Valkey: who may, what it does everywhere, and the line in the log. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import type { Board } from "../../src/client/index.js";
import { auditLog, createLog } from "../../src/server/telemetry/log.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, spawnInstance, startInstance } from "../support/instances.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const SECRET = "a secret of at least thirty-two bytes";
const SIZE = 200_000;
const flags = { BOARDS: `main=${SIZE}`, JWT_SECRET: SECRET };

function token(right: string): Promise<string> {
  return new SignJWT({ boards: { main: right }, sub: "ann" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
}

async function act(url: string, action: string, body: unknown, right = "admin") {
  const headers = {
    "content-type": "application/json",
    ...(right ? { authorization: `Bearer ${await token(right)}` } : {}),
  };
  const response = await fetch(`${url}/boards/main/${action}`, { method: "POST", headers, body: JSON.stringify(body) });
  const answer: { ok?: boolean; cells?: number; error?: { code: string } } = await response.json();
  return answer.error ? `${response.status} ${answer.error.code}` : answer;
}

describe("what admins do", () => {
  let valkey: ServerProcess;
  let here: LocalInstance;
  let there: LocalInstance;
  before(async () => {
    valkey = await startServer();
    [here, there] = (await Promise.all([1, 2].map(() => startInstance({ ...flags, VALKEY_URL: valkey.url })))) as [
      LocalInstance,
      LocalInstance,
    ];
  });
  after(async () => {
    await Promise.all([here.stop(), there.stop()]);
    await valkey.stop();
  });
  const client = async (t: TestContext, url: string) => {
    const raw = await rawClient(url);
    t.after(() => raw.close());
    return raw;
  };

  test("needs the right admin, and a region of the board", async () => {
    for (const action of ["freeze", "thaw", "clear"]) {
      assert.equal(await act(here.url, action, {}, ""), "401 UNAUTHORIZED");
      assert.equal(await act(here.url, action, {}, "write"), "403 FORBIDDEN");
      assert.equal(await act(here.url, action, { start: 10, end: 10 }), "400 CELL_OUT_OF_RANGE");
      assert.equal(await act(here.url, action, { start: 0, end: SIZE + 1 }), "400 CELL_OUT_OF_RANGE");
      assert.equal(await act(here.url, action, { start: "0" }), "400 BAD_REQUEST");
    }
  });

  test("a region frozen through one instance takes no write through another, from the acknowledgement on", async (t) => {
    const writer = await client(t, there.url);
    const session = newSession();
    let seq = 0;
    const write = async (...cells: number[]) => {
      const answer = await writer.write(
        session,
        ++seq,
        cells.map((cell) => [cell, 1]),
      );
      const { error = { code: "accepted", cells: [] } } = answer;
      return [error.code, ...error.cells].join(" ");
    };
    assert.equal(await write(65_530), "accepted");
    assert.deepEqual(await act(here.url, "freeze", { start: 65_500, end: 131_080 }), { ok: true, cells: 65_580 });
    assert.deepEqual(
      [await write(65_499), await write(65_500), await write(65_536), await write(131_079), await write(131_080)],
      ["accepted", "FROZEN 65500", "FROZEN 65536", "FROZEN 131079", "accepted"],
    );
    assert.equal(await write(65_500, 65_400, 65_501), "FROZEN 65500 65501", "one page is all or nothing");
    assert.equal(await write(65_510, 65_600), "FROZEN 65510 65600");
    assert.equal(await write(5, 65_600), "PARTLY_FROZEN 65600", "another page has its own outcome");
    assert.equal((await fetch(`${there.url}/boards/main/frozen`)).status, 401);
    const headers = { authorization: `Bearer ${await token("admin")}` };
    assert.deepEqual(await (await fetch(`${there.url}/boards/main/frozen`, { headers })).json(), {
      frozen: [{ start: 65_500, end: 131_080 }],
    });
    const put = await fetch(`${there.url}/boards/main/cells/65536`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"value":true}',
    });
    assert.equal(put.status, 423);
    await act(there.url, "thaw", {});
    assert.equal(await write(65_536), "accepted");
  });

  test("clearing reaches every client, also in what is frozen; the library takes back a click on it", async (t) => {
    const [one, two] = await Promise.all([watchBoard(here.url), watchBoard(there.url)]);
    t.after(() => {
      one.close();
      two.close();
    });
    const cells = [0, 7, 70_000, 199_999];
    for (const cell of cells) await one.board.set(cell, true);
    await one.board.watchOverview().ready;
    await until("the overview counts them", () => (one.board.overview?.total ?? 0) >= cells.length);
    await act(here.url, "freeze", {});
    await assert.rejects(two.board.set(8, true), { code: "FROZEN" });
    assert.equal(two.board.get(8), false);
    const cleared = await act(there.url, "clear", { start: 7, end: SIZE });
    assert.ok(typeof cleared === "object" && (cleared.cells ?? 0) >= 3, JSON.stringify(cleared));
    await until("both show the cleared board", () =>
      [one, two].every(
        ({ board }) => board.get(0) === true && cells.slice(1).every((cell) => board.get(cell) === false),
      ),
    );
    const left = () => Array.from({ length: 7 }, (_, cell) => one.board.get(cell)).filter((value) => value).length;
    await until("the overview counts what is left", () => one.board.overview?.total === left());
    await assert.rejects(two.board.set(8, true), { code: "FROZEN" });
    await act(here.url, "thaw", {});
    await two.board.set(8, true);
  });

  test("who watches is shown what is frozen and thawed, through any instance, and also who comes later", async (t) => {
    const before = await watchBoard(there.url);
    t.after(() => before.close());
    const isShown = (board: Board, cells: readonly number[]) => cells.map((cell) => board.isFrozen(cell)).join();
    const cells = [70_009, 70_010, 131_079, 131_080];
    await act(here.url, "freeze", { start: 70_010, end: 131_080 });
    await until("one who watched is told", () => isShown(before.board, cells) === "false,true,true,false");
    assert.deepEqual(before.board.frozenOf(1), [{ start: 70_010, end: 131_072 }]);
    const later = await watchBoard(there.url);
    t.after(() => later.close());
    assert.equal(isShown(later.board, cells), "false,true,true,false", "who comes later knows as soon as he sees");
    const changed: number[] = [];
    before.board.on("frozen", (pages) => changed.push(...pages));
    await act(here.url, "thaw", {});
    for (const { board } of [before, later]) {
      await until("nothing is frozen any more", () => isShown(board, cells) === "false,false,false,false");
    }
    assert.deepEqual(changed.toSorted(), [1, 2]);
  });
});

describe("the audit", () => {
  test("each admin action, even a refused one, is one line in the log with its user, kind and cells", async (t) => {
    const instance = await spawnInstance({ ...flags, DATA_DIR: temporaryFolder(t) });
    t.after(() => instance.kill());
    await act(instance.url, "freeze", { start: 1, end: 3 });
    await act(instance.url, "clear", {}, "write");
    const lines = () => instance.output.flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line)] : []));
    await until("both lines are there", () => lines().length === 2);
    const [done, refused] = lines();
    const common = { board: "main", by: "ann", address: "127.0.0.1", msg: "admin action" };
    const { level: _, time: __, ...first } = done;
    assert.deepEqual(first, { ...common, audit: "freeze", start: 1, end: 3, outcome: "done", cells: 2 });
    assert.equal(refused.audit, "clear");
    assert.equal(refused.outcome, "FORBIDDEN");

    const forged = { authorization: "Bearer forged", "content-type": "application/json" };
    const attempts: [string, RequestInit][] = [
      ["main/clear", { headers: forged, body: "{}" }],
      ["main/claims", { headers: forged, body: "{}" }],
      ["Main/thaw", { headers: { "content-type": "application/json" }, body: "{" }],
    ];
    for (const [path, init] of attempts) await fetch(`${instance.url}/boards/${path}`, { method: "POST", ...init });
    await until("what did not get so far is there too", () => lines().length === 5);
    assert.deepEqual(
      lines()
        .slice(2)
        .map(({ audit, board, address, outcome }) => [audit, board, address, outcome]),
      [
        ["clear", "main", "127.0.0.1", "UNAUTHORIZED"],
        ["claims", "main", "127.0.0.1", "BAD_REQUEST"],
        ["thaw", "Main", "127.0.0.1", "BAD_REQUEST"],
      ],
    );
  });

  test("a request that is refused for a limit or for its body is a line too, but no flood of lines", async (t) => {
    const limits = { HTTP_PER_MINUTE: "3", DATA_DIR: temporaryFolder(t) };
    const instance = await spawnInstance({ ...flags, ...limits });
    t.after(() => instance.kill());
    const headers = { "content-type": "application/json" };
    const clear = (body: RequestInit) =>
      fetch(`${instance.url}/boards/main/clear`, { method: "POST", headers, ...body }).then(({ status }) => status);
    assert.equal(await clear({ body: "x".repeat(100_000) }), 413);
    const chunked = { body: new Blob(["{}"]).stream(), duplex: "half" };
    assert.equal(await clear(chunked), 400);
    const statuses = await Promise.all(Array.from({ length: 20 }, () => clear({ body: "{}" })));
    assert.equal(statuses.filter((status) => status === 429).length, 17);
    const audited = () =>
      instance.output.flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line).outcome] : [])).toSorted();
    const codes = ["BAD_REQUEST", "PAYLOAD_TOO_LARGE", "RATE_LIMITED", "UNAUTHORIZED"];
    await until("there is a line for each", () => audited().length === codes.length);
    assert.deepEqual(audited(), codes);
    const metrics = await (await fetch(`${instance.url}/metrics`)).text();
    for (const [code, times] of [
      ["BAD_REQUEST", 1],
      ["PAYLOAD_TOO_LARGE", 1],
      ["RATE_LIMITED", 17],
    ]) {
      assert.ok(metrics.includes(`socketscaler_refusals_total{code="${code}"} ${times}`), `${code}\n${metrics}`);
    }
  });

  test("is logged whatever the level, unless nothing is", () => {
    assert.equal(auditLog(createLog("error")).isLevelEnabled("info"), true);
    assert.equal(auditLog(createLog("silent")).isLevelEnabled("info"), false);
  });
});
