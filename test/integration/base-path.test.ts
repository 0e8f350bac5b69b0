/* An instance below a path of a site, behind a proxy that takes the path off and behind one that does not. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { io } from "socket.io-client";
import type { Flags } from "../../src/server/config.js";
import { parseBasePath, rightAddress, withoutBase } from "../../src/server/input/base-path.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, pageFolder, startInstance } from "../support/instances.js";
import { startPathProxy } from "../support/path-proxy.js";

const PATH = "/tools/board";
const PAGE = { accept: "text/html,*/*;q=0.8" };

async function start(t: TestContext, flags: Flags): Promise<LocalInstance> {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ...flags });
  t.after(() => instance.stop());
  return instance;
}

for (const [name, isTakenOff, flags] of [
  ["a proxy that leaves the path", false, { BASE_PATH: `${PATH}/` }],
  ["a proxy that takes the path off", true, { BASE_PATH: PATH }],
  ["a proxy that takes off a path of which the instance knows nothing", true, {}],
] as const) {
  test(`${name} gives everything below it`, async (t) => {
    const instance = await start(t, flags);
    const { url } = await startPathProxy(t, instance.url, PATH, isTakenOff);
    const script = readdirSync(join(pageFolder, "assets")).find((each) => each.endsWith(".js"));
    for (const path of [
      "/",
      "/?board=main",
      "/demo",
      "/demo/instances",
      "/cluster",
      `/assets/${script}`,
      "/favicon.svg",
      "/health",
      "/ready",
      "/metrics",
      "/boards",
      "/boards/main",
      "/state",
      "/socket.io/socket.io.js",
    ]) {
      assert.equal((await fetch(`${url}${path}`)).status, 200, path);
    }
    assert.equal(
      (await fetch(`${url}/assets/${script}`)).headers.get("cache-control"),
      "public, max-age=31536000, immutable",
    );
    assert.equal((await fetch(`${url}/nowhere`)).status, 404);
    assert.equal((await fetch(`${url}/assets`, { redirect: "manual" })).status, 404);
    const set = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"value":1}' };
    assert.equal((await fetch(`${url}/boards/main/cells/3`, set)).status, 200);
    const page = await fetch(`${url}/boards/main/pages/0`);
    const etag = page.headers.get("etag") ?? "";
    assert.notEqual(etag, "");
    assert.equal(
      (await fetch(`${url}/boards/main/pages/0`, { headers: { "if-none-match": etag, "cache-control": "max-age=0" } }))
        .status,
      304,
    );
    for (const transport of ["websocket", "polling"]) {
      const options = { path: `${PATH}/socket.io`, transports: [transport], forceNew: true, reconnection: false };
      const socket = io(`${new URL(url).origin}/`, options);
      t.after(() => void socket.disconnect());
      assert.deepEqual(await socket.timeout(10_000).emitWithAck("checkbox-update", { index: 5, value: true }), {
        ok: true,
      });
    }
    for (const wrong of ["/demo/", "/cluster/"]) {
      const answer = await fetch(`${url}${wrong}?x=1`, { headers: PAGE });
      assert.equal(answer.url, `${url}${wrong.slice(0, -1)}?x=1`);
      assert.equal(answer.status, 200);
    }
  });
}

test("the path alone leads to the page, whose links are beside it", async (t) => {
  const instance = await start(t, { BASE_PATH: PATH });
  const answer = await fetch(`${instance.url}${PATH}?board=main`, { headers: PAGE });
  assert.equal(answer.url, `${instance.url}${PATH}/?board=main`);
  assert.equal(answer.status, 200);
  const text = await answer.text();
  for (const [, link = ""] of text.matchAll(/(?:src|href)="([^"]*)"/g)) {
    assert.ok(link.startsWith("./"), link);
    assert.equal((await fetch(new URL(link, answer.url))).status, 200, link);
  }
  for (const path of [
    "/tools",
    "/tools/boards",
    "/tools/boardx/health",
    "/x/tools/board/health",
    "/TOOLS/board/health",
  ]) {
    assert.equal((await fetch(`${instance.url}${path}`)).status, 404, path);
  }
});

describe("a base path", () => {
  test("is taken however its slashes are written, and refused if it is no path", () => {
    for (const text of ["/tools/board", "tools/board", "/tools/board/", "//tools/board//"]) {
      assert.equal(parseBasePath(text), PATH, text);
    }
    assert.equal(parseBasePath(""), "");
    assert.equal(parseBasePath("/"), "");
    for (const text of ["/a b", "/a?b", "/a#b", "/a/../b", "/..", "/a//b", "https://host/a", "/a/%2e", "/ü", "/a\\b"]) {
      assert.equal(parseBasePath(text), undefined, text);
    }
  });

  test("is taken off whole or not at all", () => {
    for (const [url, rest] of [
      [`${PATH}/boards?x=/`, "/boards?x=/"],
      [`${PATH}?x`, "/?x"],
      [PATH, "/"],
      [`${PATH}/`, "/"],
      [`${PATH}s`, `${PATH}s`],
      ["/boards", "/boards"],
    ] as const) {
      assert.equal(withoutBase(url, PATH), rest);
      assert.equal(withoutBase(url, ""), url);
    }
  });

  test("leads nobody to another host, whatever is asked for", () => {
    for (const url of [
      "//evil.test/demo/",
      "/\\evil.test/cluster/",
      "https://evil.test/demo/",
      "/demo//",
      `${PATH}?//evil.test`,
    ]) {
      const address = rightAddress(url, PATH);
      assert.equal(address === undefined || new URL(address, `http://own.test${PATH}`).host === "own.test", true, url);
    }
  });
});
