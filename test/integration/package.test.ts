/* The package as others get it: packed, installed in an empty folder, run; and the example of embedding. */

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { program } from "../support/program.js";
import { until } from "../support/until.js";
import { freePort, startServer } from "../support/valkey-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A component with the hook, against the types and the code that were packed, rendered by the React of this repository. */
function useWithReact(folder: string): void {
  for (const name of ["react", "react-dom", "scheduler", "csstype", "@types/react", "@types/react-dom"]) {
    cpSync(join(root, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  writeFileSync(
    join(folder, "seats.tsx"),
    `import { renderToString } from "react-dom/server";
import { connect } from "socketscaler/client";
import { BoardsProvider, type BoardView, useBoard } from "socketscaler/react";

function Seats({ initialBits }: { initialBits?: number[] }) {
  const { cells, size, isReady }: BoardView = useBoard("seats", { start: 0, end: 4, initialBits });
  return <p>{isReady ? "ready" : \`\${size} seats so far, \${cells.filter((checked) => checked === true).length} checked\`}</p>;
}
const client = connect("http://127.0.0.1:9");
console.log(renderToString(<BoardsProvider client={client}><Seats /></BoardsProvider>));
client.close();
console.log(renderToString(<BoardsProvider client={undefined}><Seats initialBits={[0b1010_0000]} /></BoardsProvider>));
`,
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const strict = [
    "--strict",
    "--exactOptionalPropertyTypes",
    "--jsx",
    "react-jsx",
    "--lib",
    "es2023,dom",
    "--types",
    "react",
  ];
  const modules = ["--target", "es2023", "--module", "nodenext", "--moduleResolution", "nodenext"];
  execFileSync(process.execPath, [compiler, ...strict, ...modules, "seats.tsx"], { cwd: folder, stdio: "pipe" });
  const rendered = [0, 2].map((checked) => `<p>0 seats so far, ${checked} checked</p>`);
  assert.deepEqual(
    String(execFileSync(process.execPath, ["seats.js"], { cwd: folder }))
      .trim()
      .split("\n"),
    rendered,
  );
  const module = readFileSync(join(folder, "node_modules/socketscaler/dist/react/index.js"), "utf8");
  assert.match(module, /^(\/\*.*?\*\/\s*)?"use client";/s, "bundlers for servers read it from there");
}

interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly string[];
}

/** Every map that a file names is there, with its sources. */
function checkSourceMaps(folder: string): void {
  let maps = 0;
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    if (!/\.([cm]?js|d\.ts)$/.test(name)) continue;
    const [, named] = /^\/\/# sourceMappingURL=(.+)$/m.exec(readFileSync(join(folder, name), "utf8")) ?? [];
    if (named === undefined) continue;
    const map: SourceMap = JSON.parse(readFileSync(join(folder, dirname(name), named), "utf8"));
    assert.equal(map.sourcesContent?.length, map.sources.length, name);
    maps++;
  }
  assert.ok(maps > 20);
}

/** The stylesheet is there, and loads nothing else. */
function checkTheme(folder: string): void {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const theme = readFileSync(join(folder, exports["./theme.css"]), "utf8");
  assert.match(theme, /--accent: .*\.site-header \{/s);
  assert.doesNotMatch(theme, /@import|url\("(?!data:)/);
}

function pack(t: TestContext, ...command: string[]): { folder: string; install(): void } {
  const folder = temporaryFolder(t);
  execFileSync(command[0] ?? "", [...command.slice(1), folder], { cwd: root, stdio: "pipe" });
  const [tarball = ""] = readdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, tarball)];
  return { folder, install: () => void execFileSync("npm", install, { cwd: folder, stdio: "pipe" }) };
}

/** Node 20.19 and 22.12 brought it. */
const canRequire = Reflect.get(process.features, "require_module") === true;

describe("the package", () => {
  test("of the client alone brings no server along, and connects from Node", async (t) => {
    const { folder, install } = pack(t, process.execPath, "scripts/pack-client.mjs");
    install();
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: "main=8" });
    t.after(() => instance.stop());
    const use = `const client = connect("${instance.url}");
      client.board("main").set(3, true).then(() => { console.log("set"); client.close(); });`;
    writeFileSync(join(folder, "use.mjs"), `import { connect } from "socketscaler-client"; ${use}`);
    writeFileSync(join(folder, "use.cjs"), `const { connect } = require("socketscaler-client"); ${use}`);
    for (const file of ["use.mjs", ...(canRequire ? ["use.cjs"] : [])]) {
      const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: folder });
      assert.equal(stdout.trim(), "set", file);
    }
    const modules = join(folder, "node_modules");
    checkTheme(join(modules, "socketscaler-client"));
    for (const name of ["lmdb", "express", "ioredis", "zod", "react"])
      assert.ok(!existsSync(join(modules, name)), name);
    checkSourceMaps(join(modules, "socketscaler-client"));
    const types = readFileSync(join(modules, "socketscaler-client/dist/client/api/board.d.ts"), "utf8");
    assert.match(types, /<reference lib="esnext.disposable"/, "for users whose `lib` is older");
  });

  test("packed and installed in an empty folder, runs the demo and the bench, and gives client and server", async (t) => {
    // The build is there already, and others read it while this test runs.
    const { folder, install } = pack(t, "npm", "pack", "--ignore-scripts", "--pack-destination");
    install();
    writeFileSync(
      join(folder, "use.mjs"),
      'import { connect } from "socketscaler/client"; import { attachBoards } from "socketscaler"; console.log(typeof connect, typeof attachBoards);',
    );
    assert.equal(String(execFileSync(process.execPath, ["use.mjs"], { cwd: folder })).trim(), "function function");
    writeFileSync(
      join(folder, "use.cjs"),
      'const { connect } = require("socketscaler/client"); console.log(typeof connect, typeof require("socketscaler").attachBoards);',
    );
    if (canRequire)
      assert.equal(String(execFileSync(process.execPath, ["use.cjs"], { cwd: folder })).trim(), "function function");
    checkSourceMaps(join(folder, "node_modules/socketscaler/dist"));
    checkTheme(join(folder, "node_modules/socketscaler"));
    // React is the app's own, and need not be there for the rest.
    assert.ok(!existsSync(join(folder, "node_modules/react")), "the package brings React along");
    useWithReact(folder);
    const demo = spawn("npx", ["socketscaler", "demo", "--plain", "--port", "0", "--host", "127.0.0.1"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    // npx runs the program through a shell: the whole group is to end.
    t.after(() => demo.pid && process.kill(-demo.pid, "SIGKILL"));
    let output = "";
    demo.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    await until("the demo runs", () => output.includes("Ctrl+C"), 30_000);
    const port = /localhost:(\d+)/.exec(output)?.[1];
    const page = await fetch(`http://127.0.0.1:${port}/`);
    assert.match(await page.text(), /SocketScaler/);
    const load = ["--clients", "2", "--rate", "10", "--ramp", "0", "--duration", "1", "--html", "run.html"];
    const bench = ["socketscaler", "bench", `http://127.0.0.1:${port}`, ...load];
    assert.match(String(execFileSync("npx", bench, { cwd: folder, stdio: "pipe" })), /all 2 clients match the store/);
    assert.match(readFileSync(join(folder, "run.html"), "utf8"), /--accent: .*class="site-header"/s);
  });
});

describe("the example of embedding", () => {
  test("serves its own routes and the board, in step over two processes", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const urls = await Promise.all(
      [1, 2].map(async () => {
        const port = await freePort();
        const child = spawn(process.execPath, program("examples/embed.ts"), {
          cwd: root,
          env: { ...process.env, PORT: String(port), VALKEY_URL: valkey.url },
          stdio: ["ignore", "pipe", "inherit"],
        });
        t.after(() => child.kill("SIGKILL"));
        await new Promise((done) => child.stdout.once("data", done));
        return `http://127.0.0.1:${port}`;
      }),
    );
    assert.match(await (await fetch(`${urls[0]}/`)).text(), /My own app/);
    const [one, two] = await Promise.all(urls.map((url) => watchBoard(url, "seats")));
    t.after(() => {
      one?.close();
      two?.close();
    });
    assert.equal(one?.board.size, 240);
    await one?.board.set(17, true);
    await until("the other process shows it", () => two?.board.get(17) === true);
  });
});
