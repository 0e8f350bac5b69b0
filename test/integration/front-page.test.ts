/* The document of the app: its head for each board, and the frame that is shown until the script arrives. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { rawRequest } from "../support/raw-answer.js";

const SECRET = "a secret of at least thirty-two bytes";
/** What a new TCP connection carries before the first acknowledgement of it. */
const FIRST_BYTES = 10 * 1_460;

function tagsIn(html: string): Map<string, string> {
  const [, title = ""] = /<title>([^<]*)<\/title>/.exec(html) ?? [];
  const tags = Array.from(
    html.matchAll(/<meta (?:property|name)="([^"]+)" content="([^"]*)"/g),
    ([, name, content]) => {
      return [name ?? "", content ?? ""] as const;
    },
  );
  return new Map([["title", title], ...tags]);
}

describe("the document of the app", () => {
  let instance: LocalInstance;
  before(async () => {
    instance = await startInstance({
      DATA_DIR: temporaryFolder({ after }),
      BOARDS: "main=100,million=1000000,hidden=50",
      ACCESS: "hidden=token",
      JWT_SECRET: SECRET,
      TRUSTED_PROXIES: "127.0.0.1",
    });
  });
  after(() => instance.stop());
  const html = async (path: string, headers = {}) => String((await rawRequest(`${instance.url}${path}`, headers)).body);

  test("has a title and the tags of a link preview for each board", async () => {
    const tags = tagsIn(await html("/?board=million", { host: "boards.example" }));
    assert.equal(tags.get("title"), "million · SocketScaler");
    assert.equal(tags.get("og:title"), "million: a board of 1,000,000 checkboxes");
    assert.match(tags.get("og:description") ?? "", /^1,000,000 checkboxes that everyone shares, live\./);
    assert.equal(tags.get("og:url"), "http://boards.example/?board=million");
    assert.equal(tags.get("og:image"), "http://boards.example/boards/million/preview.png");
    assert.equal(tags.get("twitter:card"), "summary_large_image");
    assert.equal(tagsIn(await html("/")).get("title"), "main · SocketScaler");
  });

  test("names the origin that a trusted proxy says, and the picture there can be loaded", async () => {
    const proxied = { host: "10.0.0.1:8000", "x-forwarded-proto": "https", "x-forwarded-host": "boards.example" };
    assert.equal(tagsIn(await html("/", proxied)).get("og:image"), "https://boards.example/boards/main/preview.png");
    const image = tagsIn(await html("/")).get("og:image") ?? "";
    const answer = await fetch(image);
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "image/png"]);
  });

  test("does not believe a stranger about the origin, and ignores a Host that is not valid", async (t) => {
    const other = await startInstance({ DATA_DIR: temporaryFolder(t) });
    t.after(() => other.stop());
    const claimed = { host: "own.example", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example" };
    const { body } = await rawRequest(`${other.url}/`, claimed);
    assert.equal(tagsIn(String(body)).get("og:url"), "http://own.example/");
    for (const host of ['a"><script>', "a.example/x", "user@a.example"]) {
      const text = String((await rawRequest(`${other.url}/`, { host })).body);
      assert.ok(!text.includes(host), host);
      assert.equal(tagsIn(text).get("og:image"), undefined, host);
    }
  });

  test("has BASE_PATH in its addresses", async (t) => {
    const below = await startInstance({ DATA_DIR: temporaryFolder(t), BASE_PATH: "/tools/board" });
    t.after(() => below.stop());
    const { body } = await rawRequest(`${below.url}/tools/board/`, { host: "own.example" });
    const image = tagsIn(String(body)).get("og:image") ?? "";
    assert.equal(image, "http://own.example/tools/board/boards/main/preview.png");
    assert.equal((await fetch(`${below.url}${new URL(image).pathname}`)).status, 200);
  });

  test("says nothing of a board that not everyone may view, nor of one that is not there", async () => {
    const plain = await html("/?board=nowhere");
    assert.equal(tagsIn(plain).get("title"), "SocketScaler");
    assert.equal(await html("/?board=hidden"), plain);
    assert.equal(await html("/?board=hidden&board=main"), await html("/"));
    assert.equal(await html("/?board=%3Cscript%3E"), plain);
  });

  test("is sent compressed, with an ETag for each board, and not again to one who has it", async () => {
    for (const [accepted, unpack] of [
      ["gzip, deflate, br", brotliDecompressSync],
      ["gzip", gunzipSync],
    ] as const) {
      const { headers, body } = await rawRequest(`${instance.url}/`, { "accept-encoding": accepted });
      assert.equal(String(unpack(body)), await html("/"));
      assert.match(headers.vary ?? "", /accept-encoding/i);
      assert.equal(headers["cache-control"], "no-cache");
      const again = { "accept-encoding": accepted, "if-none-match": headers.etag };
      assert.equal((await rawRequest(`${instance.url}/`, again)).status, 304);
      assert.equal((await rawRequest(`${instance.url}/?board=million`, again)).status, 200);
    }
    const head = await rawRequest(`${instance.url}/`, {}, "HEAD");
    assert.deepEqual([head.status, head.body.length], [200, 0]);
  });

  test("paints a frame by its first bytes alone: its style is inside, allowed by hash, and links come after it", async () => {
    const { headers, body } = await rawRequest(`${instance.url}/`);
    const text = String(body);
    const [, style = ""] = /<style>([^<]*)<\/style>/.exec(text) ?? [];
    const hash = createHash("sha256").update(style).digest("base64");
    const policy = String(headers["content-security-policy"]);
    assert.ok(policy.includes(`style-src 'self' 'sha256-${hash}';`), policy);
    assert.ok(!policy.includes("unsafe"), policy);
    const frame = text.indexOf('class="frame"');
    assert.ok(frame > 0 && text.indexOf("<noscript>") > frame);
    assert.ok(text.indexOf('rel="stylesheet"') > frame, "a stylesheet before the frame delays it");
    assert.ok(body.length < FIRST_BYTES / 2, `${body.length} bytes`);
    // Other answers allow no style inside.
    const other = await rawRequest(`${instance.url}/boards`);
    assert.match(String(other.headers["content-security-policy"]), /style-src 'self';/);
  });
});

test("every document names the colours of the theme", () => {
  const read = (name: string) => readFileSync(new URL(`../../src/web/${name}`, import.meta.url), "utf8");
  const grounds = Array.from(read("styles/theme.css").matchAll(/--ground: (#\w+);/g), ([, colour]) => colour);
  assert.equal(grounds.length, 2);
  for (const name of ["index.html", "demo.html", "cluster.html", "lab.html"]) {
    const colours = Array.from(read(name).matchAll(/name="theme-color"[^>]*content="(#\w+)"/g), ([, colour]) => colour);
    assert.deepEqual(colours, grounds, name);
  }
});
