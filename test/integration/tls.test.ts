/* A Valkey that speaks nothing but TLS and lets in nobody but the boards' own user. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { StoreUnusable } from "../../src/store/store.js";
import { type Certificates, makeCertificates } from "../support/certificates.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { freePort, SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";
import { startWatchedPair } from "../support/watched-pair.js";

/** As docs/configure.md gives it; without the one command that Redis 7.0 does not know. */
const USER = /^ {4}(user boards .*)$/m
  .exec(readFileSync(new URL("../../docs/configure.md", import.meta.url), "utf8"))?.[1]
  ?.replace(SERVER === "redis-server" ? " +waitaof" : "", "");

describe("Valkey over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  let certificates: Certificates;
  let valkey: ServerProcess;
  let url: string;
  before(async () => {
    certificates = makeCertificates(folder);
    const { ca, cert, key } = certificates;
    const port = await freePort();
    writeFileSync(join(folder, "users.acl"), `user default off\n${USER}\n`);
    const tls = ["--tls-port", `${port}`, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca];
    const settings = ["--port", "0", ...tls, "--tls-auth-clients", "no", "--aclfile", join(folder, "users.acl")];
    valkey = await startServer(SERVER, settings);
    url = `boards:secret@127.0.0.1:${port}`;
  });
  after(async () => {
    await valkey.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("an instance that trusts its authority works with it as the documented ACL user, including limits and Pub/Sub", async (t) => {
    const flags = { VALKEY_URL: `valkeys://${url}`, VALKEY_CA: certificates.ca, HTTP_PER_MINUTE: "3" };
    const { instances, clients } = await startWatchedPair(t, flags);
    const [one, two] = clients;
    await one.board.set(7, true);
    await until("the other shows it", () => two.board.get(7) === true);
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++)
      statuses.push((await fetch(`${instances[count % 2 === 0 ? 0 : 1].url}/state`)).status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    assert.deepEqual(
      instances.map(({ store }) => store.failures),
      [0, 0],
    );
  });

  for (const [name, change, message] of [
    ["no authority named", () => ({ VALKEY_CA: undefined }), /certificate is not trusted .*VALKEY_CA/],
    [
      "another authority",
      () => ({ VALKEY_CA: makeCertificates(other("another")).ca }),
      /certificate is not trusted .*VALKEY_CA/,
    ],
    [
      "a certificate for another host",
      () => ({ VALKEY_URL: `valkeys://${url.replace("127.0.0.1", "localhost")}` }),
      /not trusted \(Hostname/,
    ],
    ["another password", () => ({ VALKEY_URL: `valkeys://${url.replace("secret", "wrong")}` }), /WRONGPASS/],
    [
      "no TLS",
      () => ({ VALKEY_URL: `valkey://${url}`, VALKEY_CA: undefined }),
      /cannot reach Valkey at valkey:\/\/\*\*\*@127/,
    ],
    ["an authority, but no TLS", () => ({ VALKEY_URL: `valkey://${url}` }), /VALKEY_CA is set, .* valkeys:\/\//],
    ["a file that is not there", () => ({ VALKEY_CA: "/nowhere.pem" }), /cannot read VALKEY_CA \(\/nowhere.pem/],
  ] as const) {
    test(`${name}: it does not start, and says why without the password`, async () => {
      const flags = { VALKEY_URL: `valkeys://${url}`, VALKEY_CA: certificates.ca, ...change() };
      const isExpected = (error: unknown) => {
        assert.ok(error instanceof StoreUnusable, String(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret|wrong/);
        return true;
      };
      await assert.rejects(async () => {
        await (await startInstance(flags)).stop();
      }, isExpected);
    });
  }

  function other(name: string): string {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  }
});
