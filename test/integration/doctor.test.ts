/* The doctor against real servers, set up well and badly. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { checkUrls } from "../../src/cli/url-checks.js";
import { ALL_APPLIED, parseDurabilities } from "../../src/store/durability.js";
import type { Finding } from "../../src/store/finding.js";
import { checkUp } from "../../src/store/valkey/checkup.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { MAIN } from "../support/program.js";
import { ask } from "../support/resp.js";
import { startCluster } from "../support/valkey-cluster.js";
import { freePort, SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";

async function doctor(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [...MAIN, "doctor", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

async function valkeyWith(t: TestContext, settings: readonly string[]): Promise<ServerProcess> {
  const server = await startServer(SERVER, settings);
  t.after(() => server.stop());
  return server;
}

async function open(t: TestContext, url: string): Promise<ValkeyStore> {
  const store = await ValkeyStore.open({ url });
  t.after(() => store.close());
  return store;
}

const wrong = (findings: readonly Finding[]) => findings.filter(({ is }) => is === "bad").map(({ what }) => what);

/** Every finding that is not good says what to do. */
function assertWrong(findings: readonly Finding[], ...patterns: readonly RegExp[]): void {
  const whats = wrong(findings);
  assert.equal(whats.length, patterns.length, whats.join("\n"));
  for (const [index, pattern] of patterns.entries()) assert.match(whats[index] ?? "", pattern);
  for (const { is, what, fix } of findings) assert.equal(fix === undefined, is === "good", what);
}

describe("socketscaler doctor", () => {
  test("finds nothing wrong with two instances on a Valkey that is set up well, and ends with 0", async (t) => {
    const valkey = await valkeyWith(t, ["--appendonly", "yes"]);
    const instances = await Promise.all(
      [1, 2].map((number) => startInstance({ VALKEY_URL: valkey.url, INSTANCE_NAME: `i${number}` })),
    );
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const urls = instances.map(({ url }) => url);
    const { stdout, code } = await doctor(urls, { VALKEY_URL: valkey.url });
    assert.equal(code, 0, stdout);
    assert.doesNotMatch(stdout, /✗/);
    for (const line of [
      "WebSocket works",
      "long-polling stays",
      "2 instances found",
      "a message arrived",
      "✓ Valkey, port",
    ]) {
      assert.ok(stdout.includes(line), `${line}\n${stdout}`);
    }
  });

  test("names what is wrong, and what to do, and ends with 1", async (t) => {
    const valkey = await valkeyWith(t, ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    const { stdout, code } = await doctor([`http://127.0.0.1:${await freePort()}`], { VALKEY_URL: valkey.url });
    assert.equal(code, 1);
    for (const line of [
      "no append-only file",
      "set appendonly yes",
      "deletes pages of boards",
      "ECONNREFUSED",
      "\n3 wrong",
    ]) {
      assert.ok(stdout.includes(line), `${line}\n${stdout}`);
    }
  });

  for (const [files, sign] of [
    [512, "✗"],
    [5_000, "!"],
    [20_000, "✓"],
  ] as const) {
    test(`marks a limit of ${files} open files with ${sign}`, async () => {
      const command = `ulimit -n ${files} && exec "$0" "$@"`;
      const args = ["-c", command, process.execPath, ...MAIN, "doctor"];
      const child = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "inherit"] });
      assert.ok((await text(child.stdout)).startsWith(`${sign} at most ${files} files may be open`));
    });
  }

  test("says in one line that an argument is not a URL", async () => {
    const { code, stderr } = await doctor(["localhost:8000"], {});
    assert.equal(code, 2);
    assert.match(stderr, /"localhost:8000" is not the URL of an instance/);
  });
});

describe("the check of Valkey", () => {
  test("leaves nothing behind", async (t) => {
    const valkey = await valkeyWith(t, ["--appendonly", "yes"]);
    assertWrong(await checkUp(await open(t, valkey.url), ALL_APPLIED));
    assert.equal(await ask(valkey.port, "DBSIZE"), 0);
  });

  test("finds a replica, few clients, missing replicas, and clocks that differ", async (t) => {
    const valkey = await valkeyWith(t, ["--appendonly", "yes", "--maxclients", "50"]);
    const store = await open(t, valkey.url);
    const two = parseDurabilities("replicated:2");
    assert.ok(two);
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
    const findings = await checkUp(store, two);
    t.mock.timers.reset();
    assertWrong(
      findings,
      /more clients can connect/,
      /requires 2 replicas, but none is connected/,
      /6\d{4} ms apart|5\d{4} ms apart/,
    );
    const replica = await valkeyWith(t, ["--appendonly", "yes", "--replicaof", "127.0.0.1", String(valkey.port)]);
    const [first, ...rest] = wrong(await checkUp(await open(t, replica.url), ALL_APPLIED));
    assert.match(first ?? "", /is a read-only replica/);
    assert.match(rest.join(), /refused a write or a subscription/);
  });

  test("finds a user that may not use the channels", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "users.acl");
    writeFileSync(file, "user default off\nuser boards on >secret ~* resetchannels &other +@all\n");
    const valkey = await valkeyWith(t, ["--appendonly", "yes", "--aclfile", file]);
    const { stdout, code } = await doctor([], { VALKEY_URL: valkey.url.replace("//", "//boards:secret@") });
    assert.equal(code, 1);
    assert.match(stdout, /✗ .*ACL SETUSER boards &server:broker:\*\n/);
    assert.doesNotMatch(stdout, /secret/);
  });

  test("looks at every primary of a cluster", async (t) => {
    const cluster = await startCluster({ replicasEach: 0 });
    t.after(() => cluster.stop());
    const findings = await checkUp(await open(t, cluster.url), ALL_APPLIED);
    assert.ok(
      findings.some(
        ({ is, what }) => is === "good" && /all 3 primaries report that the cluster serves every slot/.test(what),
      ),
    );
    assert.ok(findings.some(({ what }) => what.includes("a message arrived")));
    assert.equal(new Set(findings.flatMap(({ what }) => /port (\d+)/.exec(what)?.[1] ?? [])).size, 3);
  });
});

describe("the check of instances", () => {
  /** A balancer that takes turns and passes no upgrade on. */
  async function balancer(t: TestContext, urls: readonly string[]): Promise<string> {
    let turn = 0;
    const server = createServer((request, response) => {
      const target = new URL(request.url ?? "/", urls[turn++ % urls.length]);
      const { upgrade: _, connection: __, ...headers } = request.headers;
      const passed = httpRequest(target, { method: request.method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      passed.on("error", () => response.destroy());
      request.pipe(passed);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address && typeof address === "object");
    return `http://127.0.0.1:${address.port}`;
  }

  test("finds a balancer without upgrade and stickiness, instances of other sizes, and boards that are not shared", async (t) => {
    const instances = await Promise.all(
      [100, 200].map((size) =>
        startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: `main=${size}`, INSTANCE_NAME: `i${size}` }),
      ),
    );
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const url = await balancer(
      t,
      instances.map((instance) => instance.url),
    );
    assertWrong(
      await checkUrls([url]),
      /WebSocket does not work \(400\)/,
      /a long-polling session reached an instance that does not know it \(400\)/,
      /board main has (100 or 200|200 or 100) checkboxes/,
      /not all instances keep their boards in Valkey/,
    );
  });

  test("says what it could not check if boards are shown only with a token", async (t) => {
    const secret = "a secret of at least thirty-two bytes";
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ACCESS: "token", JWT_SECRET: secret });
    t.after(() => instance.stop());
    const warnings = (await checkUrls([instance.url])).filter(({ is }) => is === "warning");
    assert.match(warnings.map(({ what }) => what).join(), /^no boards are listed without a token/);
  });

  test("finds an instance that does not reach its store", async (t) => {
    const valkey = await valkeyWith(t, []);
    const instance = await startInstance({ VALKEY_URL: valkey.url });
    t.after(() => instance.stop());
    const isAway = new Promise<void>((done) => {
      instance.store.onAvailable((available) => {
        if (!available) done();
      });
    });
    await valkey.kill();
    await isAway;
    assertWrong(await checkUrls([instance.url]), /\/ready failed \(503\)/);
  });
});
