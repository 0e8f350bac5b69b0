/*
 * Sentinel, the primary it names and the replica that takes its place, all of which speak TLS to
 * instances, ask for a client certificate, and let in nobody but users of their own. The test
 * itself asks over ports in clear text, which instances are not told of.
 */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BadOption, readConfig } from "../../src/server/config.js";
import { StoreUnusable } from "../../src/store/store.js";
import { type Certificates, makeCertificates } from "../support/certificates.js";
import { startInstance } from "../support/instances.js";
import { ask } from "../support/resp.js";
import { type Sentinel, startSentinel } from "../support/sentinel.js";
import { until } from "../support/until.js";
import { freePort, SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";
import { startWatchedPair } from "../support/watched-pair.js";

const document = readFileSync(new URL("../../docs/configure.md", import.meta.url), "utf8");
const WAITAOF = SERVER === "redis-server" ? " +waitaof" : "";
/** As docs/configure.md gives them; Redis 7.0 does not know one command. */
const BOARDS_USER = /^ {4}(user boards .*)$/m.exec(document)?.[1]?.replace(WAITAOF, "");
const SENTINEL_USER = /^ {4}(user finder .*)$/m.exec(document)?.[1];

interface Secured {
  readonly server: ServerProcess;
  readonly tlsPort: number;
}

describe("Sentinel over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const servers: ServerProcess[] = [];
  let certificates: Certificates;
  let primary: Secured;
  let replica: Secured;
  let sentinel: Sentinel;
  let tlsPort: number;
  let flags: Record<string, string>;

  before(async () => {
    certificates = makeCertificates(folder);
    primary = await startSecured();
    replica = await startSecured(["--replicaof", "127.0.0.1", String(primary.tlsPort)]);
    await until("the replica is in step", async () =>
      String(await ask(replica.server.port, "INFO", "replication")).includes("master_link_status:up"),
    );
    tlsPort = await freePort();
    assert.ok(SENTINEL_USER);
    const settings = [
      ...[`tls-port ${tlsPort}`, "tls-replication yes", "tls-auth-clients yes"],
      ...[`tls-cert-file ${certificates.cert}`, `tls-key-file ${certificates.key}`],
      `tls-ca-cert-file ${certificates.ca}`,
      ...["user default off", "user tester on >test ~* &* +@all", SENTINEL_USER],
      ...["sentinel sentinel-user tester", "sentinel sentinel-pass test"],
    ];
    const login = ["tester", "test"] as const;
    sentinel = await startSentinel(primary.server, { settings, primaryPort: primary.tlsPort, login });
    flags = {
      VALKEY_URL: `valkeys+sentinel://boards:secret@127.0.0.1:${tlsPort}/boards`,
      VALKEY_CA: certificates.ca,
      VALKEY_CERT: certificates.cert,
      VALKEY_KEY: certificates.key,
      SENTINEL_USERNAME: "finder",
      SENTINEL_PASSWORD: "othersecret",
    };
  });
  after(async () => {
    await sentinel.stop();
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function startSecured(settings: readonly string[] = []): Promise<Secured> {
    const { ca, cert, key } = certificates;
    const port = await freePort();
    const file = join(folder, `${port}.acl`);
    // The default user is the test's, Sentinel's and the replica's.
    writeFileSync(file, `user default on nopass ~* &* +@all\n${BOARDS_USER}\n`);
    const server = await startServer(SERVER, [
      ...["--tls-port", String(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca],
      ...["--tls-auth-clients", "yes", "--tls-replication", "yes", "--aclfile", file],
      ...["--repl-diskless-sync-delay", "0", ...settings],
    ]);
    servers.push(server);
    return { server, tlsPort: port };
  }

  const same = (url: string) => url;
  for (const [name, change, address, message] of [
    ["another password of Sentinel's", { SENTINEL_PASSWORD: "wrong" }, same, /valkeys\+sentinel.*WRONGPASS/],
    ["no password of Sentinel's", { SENTINEL_PASSWORD: "", SENTINEL_USERNAME: "" }, same, /NOAUTH/],
    ["another password of the primary's", {}, (url: string) => url.replace("secret", "wrong"), /WRONGPASS/],
    [
      "no TLS",
      { VALKEY_CA: "", VALKEY_CERT: "", VALKEY_KEY: "" },
      (url: string) => url.replace("valkeys", "valkey"),
      /speaks TLS\. Write valkeys:\/\//,
    ],
    ["no client certificate", { VALKEY_CERT: "", VALKEY_KEY: "" }, same, /requires a client certificate .*VALKEY_CERT/],
    ["no authority named", { VALKEY_CA: "" }, same, /certificate is not trusted .*VALKEY_CA/],
    [
      "a certificate for another host",
      {},
      (url: string) => url.replace("127.0.0.1", "localhost"),
      /not trusted \(Hostname/,
    ],
    [
      "no Sentinel",
      {},
      (url: string) => url.replace(/\+sentinel|\/boards$/g, ""),
      /SENTINEL_PASSWORD is set, .* valkey\+sentinel:\/\//,
    ],
  ] as const) {
    test(`${name}: it does not start, and says why without any password`, async () => {
      const all = { ...flags, ...change, VALKEY_URL: address(flags.VALKEY_URL ?? "") };
      const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
      await assert.rejects(
        async () => {
          await (await startInstance(given)).stop();
        },
        (error: unknown) => {
          assert.ok(error instanceof StoreUnusable, String(error));
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /othersecret|:secret|:wrong/);
          return true;
        },
      );
    });
  }

  test("a user without a password is a mistake, told before anything is connected to", () => {
    assert.throws(
      () => readConfig({ SENTINEL_USERNAME: "finder" }, {}),
      (error) => error instanceof BadOption && /without SENTINEL_PASSWORD: set both/.test(error.message),
    );
  });

  test("instances that trust the authority work as the documented users, even when the replica takes over", async (t) => {
    const { instances, clients } = await startWatchedPair(t, flags);
    const [one, two] = clients;
    await one.board.set(7, true);
    await until("the other shows it", () => two.board.get(7) === true);
    assert.deepEqual(
      instances.map(({ store }) => store.failures),
      [0, 0],
    );
    await primary.server.kill();
    await until("the replica is primary", async () => (await sentinel.primaryPort()) === replica.tlsPort);
    await one.board.set(8, true);
    await until("the other shows it", () => two.board.get(8) === true);
    // Two connections of each instance.
    await until("all are there as the boards' own user", async () => {
      const clients = String(await ask(replica.server.port, "CLIENT", "LIST"));
      return clients.match(/name=socketscaler-\w+.*user=boards/g)?.length === 4;
    });
  });
});
