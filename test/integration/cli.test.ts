/* The command as a person meets it: help, one clear line when something is wrong, and an orderly end. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { OPTIONS } from "../../src/server/config.js";
import { runCommand, startCommand } from "../support/command.js";
import { temporaryFolder } from "../support/folder.js";
import { spawnInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { freePort, startServer } from "../support/valkey-server.js";

describe("socketscaler", () => {
  test("--help names all commands, serve --help every option with its flag, variable and default", async () => {
    const help = await runCommand(["--help"]);
    assert.equal(help.code, 0);
    for (const word of ["serve", "demo", "bench", "doctor"]) assert.ok(help.stdout.includes(word));
    const serve = await runCommand(["serve", "--help"]);
    for (const { env, fallback } of Object.values(OPTIONS)) {
      assert.ok(serve.stdout.includes(env), env);
      assert.ok(serve.stdout.includes(`--${env.toLowerCase().replaceAll("_", "-")}`), env);
      if (fallback) assert.ok(serve.stdout.includes(fallback), `${env} ${fallback}`);
    }
  });

  for (const [name, args, env] of [
    ["a bad flag value", ["serve", "--port", "abc"], {}],
    ["a bad variable", ["demo"], { BOARDS: "main=-5" }],
    ["an unknown flag", ["serve", "--prot", "1"], {}],
    ["an unknown command", ["sevre"], {}],
  ] as const) {
    test(`${name} ends it with code 2 and one line`, async () => {
      const { code, stderr } = await runCommand(args, env);
      assert.equal(code, 2);
      assert.equal(
        stderr
          .trim()
          .split("\n")
          .filter((line) => !line.startsWith("(Did you mean")).length,
        1,
        stderr,
      );
    });
  }

  test("a bad value's line names the option, the value and what was expected", async () => {
    const { stderr } = await runCommand(["serve", "--boards", "main=zero"]);
    assert.match(stderr, /--boards is "main=zero": expected name=size/);
  });

  test("a port in use is one clear line", async (t) => {
    const port = await freePort();
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    t.after(() => other.close());
    const env = { PORT: String(port), HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t) };
    assertOneLine(await runCommand(["serve"], env), new RegExp(`port ${port} is in use`));
  });

  test("a locked data folder is one clear line that says to set VALKEY_URL", async (t) => {
    const folder = temporaryFolder(t);
    const first = await spawnInstance({ DATA_DIR: folder });
    t.after(() => first.kill());
    assertOneLine(
      await runCommand(["serve"], { PORT: "0", DATA_DIR: folder }),
      /in use by another process.*VALKEY_URL/,
    );
  });

  test("an unreachable Valkey is one clear line without its password", async () => {
    const url = `valkey://:secret@127.0.0.1:${await freePort()}`;
    const result = await runCommand(["serve"], { PORT: "0", VALKEY_URL: url });
    assertOneLine(result, /cannot reach Valkey at valkey:\/\/\*\*\*@/);
    assert.doesNotMatch(result.stderr, /secret/);
  });

  test("a data folder that cannot be made is one clear line", async (t) => {
    const file = join(fileURLToPath(new URL("../..", import.meta.url)), "package.json");
    assertOneLine(
      await runCommand(["serve"], { PORT: "0", DATA_DIR: join(file, "data") }),
      /cannot write to the data folder/,
    );
    t.diagnostic("a path below a file");
  });

  for (const engine of ["embedded", "valkey"] as const) {
    test(`demo runs four instances of one board (${engine}) and ends in order`, async (t) => {
      await runDemo(t, engine === "valkey");
    });
  }

  test("SIGTERM ends an instance with code 0, and its board is there again afterwards", async (t) => {
    const folder = temporaryFolder(t);
    const first = await spawnInstance({ DATA_DIR: folder });
    await put(first.url, 42);
    const ended = once(first.child, "exit");
    first.child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    const second = await spawnInstance({ DATA_DIR: folder });
    t.after(() => second.kill());
    assert.equal((await state(second.url))[42], true);
  });
});

async function runDemo(t: TestContext, withValkey: boolean): Promise<void> {
  const valkey = withValkey ? await startServer() : undefined;
  t.after(() => valkey?.stop());
  const env = valkey ? { VALKEY_URL: valkey.url } : { DATA_DIR: temporaryFolder(t), PATH: temporaryFolder(t) };
  const demo = startCommand(["demo"], { PORT: "0", HOST: "127.0.0.1", ...env });
  t.after(() => demo.kill("SIGKILL"));
  let output = "";
  demo.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  await until("the demo says that it runs", () => output.includes("Ctrl+C"));
  // Without a server to start, the demo has no lab, and says how to get it.
  assert.equal(/No valkey-server .*\n.*lab.* (sudo|brew) \w/.test(output), valkey === undefined, output);
  const urls = Array.from(output.matchAll(/^ {4}http:\/\/localhost:(\d+)/gm), ([, port]) => `http://127.0.0.1:${port}`);
  assert.equal(urls.length, 4);
  assert.equal(new Set(urls).size, 4);
  for (const [index, url] of urls.entries()) await put(url, index);
  for (const url of urls) assert.deepEqual((await state(url)).slice(0, 5), [true, true, true, true, false]);
  const instances: { urls: string[] } = await (await fetch(`${urls[0]}/demo/instances`)).json();
  assert.equal(instances.urls.length, 4);
  const ended = once(demo, "exit");
  demo.kill("SIGINT");
  assert.deepEqual(await ended, [0, null]);
}

function assertOneLine({ code, stderr }: { code: unknown; stderr: string }, pattern: RegExp): void {
  assert.match(stderr, pattern);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
  assert.equal(code, 1);
}

async function put(url: string, cell: number): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/boards/main/cells/${cell}`, { method: "PUT", headers, body: '{"value":true}' });
  assert.equal(response.status, 200);
}

async function state(url: string): Promise<boolean[]> {
  const body: { state: boolean[] } = await (await fetch(`${url}/state`)).json();
  return body.state;
}
