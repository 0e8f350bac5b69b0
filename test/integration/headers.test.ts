/*
 * A scan of what answers tell browsers: every header that is not about the message itself, with its value, on every kind of
 * answer. One that is added, lost or changed is seen here.
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, pageFolder, startInstance } from "../support/instances.js";

/** Of the message and its connection: no browser is told by them what it may do. */
const OF_THE_MESSAGE = new Set(
  (
    "accept-ranges connection content-encoding content-length content-type date etag keep-alive last-modified " +
    "ratelimit ratelimit-policy transfer-encoding vary www-authenticate"
  ).split(" "),
);

const policy = (frames: string, ancestors = frames) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-src 'self' ${frames}`,
    `frame-ancestors 'self' ${ancestors}`,
  ].join(";");

const expected = (frames: string) => ({
  "content-security-policy": policy(frames),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "x-download-options": "noopen",
  "x-frame-options": "SAMEORIGIN",
  "x-permitted-cross-domain-policies": "none",
  "x-xss-protection": "0",
});

/** The panes of the demo, on other ports of this machine. */
const APP = expected("http://localhost:* http://127.0.0.1:*");
/** Sockets, and the script of stock clients: pages of listed origins may use them. */
const SOCKETS = { "x-content-type-options": "nosniff", "access-control-allow-origin": "*" };
const POLLING = "/socket.io/?EIO=4&transport=polling";

describe("the headers of every answer", () => {
  let instance: LocalInstance;
  before(async () => {
    instance = await startInstance({
      DATA_DIR: temporaryFolder({ after }),
      METRICS_PORT: "0",
      HTTP_PER_MINUTE: "1000",
    });
  });
  after(() => instance.stop());

  const script = readdirSync(join(pageFolder, "assets")).find((name) => name.endsWith(".js"));
  const kept = { "cache-control": "no-cache" };
  const refused = { "cache-control": "no-store" };
  /** About a board that everyone may view: shared caches may keep it, and other websites may read it. */
  const shared = {
    "cache-control": "public, max-age=0, s-maxage=1, stale-while-revalidate=5",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag",
  };
  for (const [path, others, status = 200] of [
    ["/", kept],
    ["/demo", kept],
    [`/assets/${script}`, { "cache-control": "public, max-age=31536000, immutable" }],
    ["/boards", {}],
    ["/boards/main", shared],
    ["/boards/main/pages/0", shared],
    ["/boards/main/counts", shared],
    ["/boards/main/pages/0/since/9.AAAABBBB", { ...shared, "cache-control": "public, max-age=0, s-maxage=1" }, 410],
    ["/state", {}],
    ["/health", {}],
    ["/ready", {}],
    ["/nowhere", refused, 404],
    ["/boards/nowhere", refused, 404],
    ["/boards/main/frozen", refused, 403],
  ] as const) {
    test(`of ${path.replace(script ?? "", "…")} are those expected, and no others`, async () => {
      const answer = await fetch(`${instance.url}${path}`);
      assert.equal(answer.status, status);
      const { "content-security-policy": allowed = "", ...seen } = told(answer);
      const { "content-security-policy": policy_, ...rest } = { ...APP, ...others };
      assert.deepEqual(seen, rest);
      // The document has a style inside, see front-page.test.ts.
      assert.equal(path === "/" ? allowed.replace(/ 'sha256-[\w+/=]+'/, "") : allowed, policy_);
    });
  }

  test("let pages of FRAME_ORIGINS frame the app, and no others", async (t) => {
    for (const [origins, ancestors] of [
      ["https://a.example, http://b.example:8080", "https://a.example http://b.example:8080"],
      ["*", "*"],
    ] as const) {
      const framed = await startInstance({ DATA_DIR: temporaryFolder(t), FRAME_ORIGINS: origins });
      t.after(() => framed.stop());
      const panes = "http://localhost:* http://127.0.0.1:*";
      const { "x-frame-options": _, ...others } = APP;
      assert.deepEqual(told(await fetch(`${framed.url}/demo`)), {
        ...others,
        ...kept,
        "content-security-policy": policy(panes, `${panes} ${ancestors}`),
      });
    }
  });

  test("of /metrics and /cluster on a port of their own name no frames of others", async () => {
    const url = instance.metricsUrl?.replace("localhost", "127.0.0.1");
    const own = expected("");
    assert.deepEqual(told(await fetch(`${url}/metrics`)), own);
    assert.deepEqual(told(await fetch(`${url}/cluster`)), { ...own, "cache-control": "no-store" });
  });

  test("of sockets and of the script for stock clients let no type be guessed", async () => {
    assert.deepEqual(told(await fetch(`${instance.url}${POLLING}`)), { ...SOCKETS, "cache-control": "no-store" });
    const stock = await fetch(`${instance.url}/socket.io/socket.io.js`);
    assert.deepEqual(told(stock), { ...SOCKETS, "cache-control": "public, max-age=0" });
  });

  test("of sockets name only listed origins, unless they refuse", async (t) => {
    const listed = await startInstance({ DATA_DIR: temporaryFolder(t), ORIGINS: "https://a.example" });
    t.after(() => listed.stop());
    const answer = await fetch(`${listed.url}${POLLING}`, { headers: { origin: "https://a.example" } });
    assert.equal(answer.headers.get("access-control-allow-origin"), "https://a.example");
    const other = await fetch(`${listed.url}${POLLING}`, { headers: { origin: "https://b.example" } });
    assert.equal(other.status, 403);
    assert.equal(other.headers.get("access-control-allow-origin"), "https://b.example", "it may read why");
    assert.deepEqual(Object.keys(await other.json()), ["error"], "and nothing else");
    const listing = await fetch(`${listed.url}/boards`, { headers: { origin: "https://b.example" } });
    assert.equal(listing.headers.get("access-control-allow-origin"), null);
  });
});

function told(answer: Response): Record<string, string> {
  return Object.fromEntries(Array.from(answer.headers).filter(([name]) => !OF_THE_MESSAGE.has(name)));
}
