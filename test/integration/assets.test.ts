/* The files of the built app: which copy is sent, and with which headers. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, pageFolder, startInstance } from "../support/instances.js";
import { rawRequest } from "../support/raw-answer.js";

const BROWSER = "gzip, deflate, br, zstd";
const names = readdirSync(join(pageFolder, "assets"));
const files = names.filter((name) => /\.(js|css)$/.test(name)).map((name) => `/assets/${name}`);
const [script = ""] = files.filter((name) => name.includes("board-") && name.endsWith(".js"));
const original = (path: string) => readFileSync(join(pageFolder, path));

describe("the files of the app", () => {
  let instance: LocalInstance;
  before(async () => {
    instance = await startInstance({ DATA_DIR: temporaryFolder({ after }), METRICS_PORT: "0" });
  });
  after(() => instance.stop());
  const ask = (path: string, headers = {}, method = "GET") => rawRequest(`${instance.url}${path}`, headers, method);

  for (const [accepted, coding, unpack] of [
    [BROWSER, "br", brotliDecompressSync],
    ["gzip;q=1, br;q=0", "gzip", gunzipSync],
    ["identity", undefined, (body: Buffer) => body],
    ["", undefined, (body: Buffer) => body],
  ] as const) {
    test(`are sent in ${coding ?? "no coding"} to a client that accepts "${accepted}"`, async () => {
      assert.ok(files.length > 5);
      for (const path of [...files, "/demo", "/cluster", "/favicon.svg", "/manifest.webmanifest"]) {
        const url = path === "/cluster" ? `${instance.metricsUrl?.replace("localhost", "127.0.0.1")}` : instance.url;
        const { status, headers, body } = await rawRequest(`${url}${path}`, {
          "accept-encoding": accepted,
          accept: "text/html,*/*",
        });
        assert.equal(status, 200, path);
        assert.equal(headers["content-encoding"], coding, path);
        assert.match(headers.vary ?? "", /accept-encoding/i, path);
        const file = ["/demo", "/cluster"].includes(path) ? `${path}.html` : path;
        assert.deepEqual(unpack(body), original(file), path);
        const type = { js: /^text\/javascript/, css: /^text\/css/, html: /^text\/html/, svg: /^image\/svg/ };
        const [, ending = ""] = /\.(\w+)$/.exec(file) ?? [];
        assert.match(
          headers["content-type"] ?? "",
          ending in type ? type[ending as keyof typeof type] : /manifest/,
          path,
        );
      }
    });
  }

  test("are a third as large in brotli, and may be kept for ever by their names", async () => {
    const { headers, body } = await ask(script, { "accept-encoding": BROWSER });
    assert.ok(body.length < original(script).length * 0.4, `${body.length} bytes`);
    assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal((await ask("/favicon.svg", { "accept-encoding": BROWSER })).headers["cache-control"], "no-cache");
  });

  test("are not sent again to a client that has the copy, each with an ETag of its own", async () => {
    const etags = new Set<string>();
    for (const accepted of [BROWSER, "gzip", "identity"]) {
      const { etag = "" } = (await ask(script, { "accept-encoding": accepted })).headers;
      etags.add(etag);
      const again = await ask(script, { "accept-encoding": accepted, "if-none-match": etag });
      assert.deepEqual([again.status, again.body.length], [304, 0]);
      assert.match(again.headers.vary ?? "", /accept-encoding/i);
    }
    assert.equal(etags.size, 3);
  });

  test("are described to HEAD as they would be sent, without a body", async () => {
    const got = await ask(script, { "accept-encoding": BROWSER });
    const { status, headers, body } = await ask(script, { "accept-encoding": BROWSER }, "HEAD");
    assert.deepEqual([status, body.length], [200, 0]);
    for (const name of ["content-length", "content-encoding", "content-type", "etag", "vary", "cache-control"]) {
      assert.equal(headers[name], got.headers[name], name);
    }
  });

  test("are sent in parts of the copy, and a part outside it is no file", async () => {
    const whole = await ask(script, { "accept-encoding": BROWSER });
    const part = await ask(script, { "accept-encoding": BROWSER, range: "bytes=10-19" });
    assert.equal(part.status, 206);
    assert.equal(part.headers["content-encoding"], "br");
    assert.equal(part.headers["content-range"], `bytes 10-19/${whole.body.length}`);
    assert.deepEqual(part.body, whole.body.subarray(10, 20));
    const outside = await ask(script, { "accept-encoding": BROWSER, range: "bytes=9999999-" });
    assert.equal(outside.status, 416);
    assert.equal(outside.headers["content-range"], `bytes */${whole.body.length}`);
    for (const name of ["content-encoding", "cache-control", "etag", "content-type"]) {
      assert.equal(outside.headers[name], undefined, name);
    }
  });

  test("have copies that nobody can ask for by name, and take no other method", async () => {
    for (const [path, method] of [
      [`${script}.br`, "GET"],
      [`${script}.gz`, "GET"],
      [script, "POST"],
      ["/assets/nothing.js", "GET"],
      ["/assets", "GET"],
      ["/assets/%00.js", "GET"],
      ["/..%2f..%2fpackage.json", "GET"],
    ] as const) {
      const { status, headers } = await ask(path, { "accept-encoding": BROWSER }, method);
      assert.ok(status === 404 || status === 400 || status === 403, `${method} ${path}: ${status}`);
      assert.equal(headers["content-encoding"], undefined, path);
      assert.match(headers["content-type"] ?? "", /json/, path);
    }
  });
});
