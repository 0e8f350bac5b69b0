/*
 * The structure of the source, as CONTRIBUTING.md and ARCHITECTURE.md promise it: which layer may
 * import which, and which file is the door to which package. This file is the list of them.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const src = join(root, "src");

/** Layer -> the layers it may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  board: [],
  protocol: ["board"],
  store: ["board", "protocol"],
  server: ["board", "protocol", "store"],
  client: ["board", "protocol"],
  react: ["board", "protocol", "client"],
  web: ["board", "protocol", "client"],
  bench: ["board", "protocol", "client"],
  judge: ["protocol", "bench"],
  cli: ["board", "protocol", "store", "server", "client", "bench", "judge"],
};

/**
 * Layer -> its rooms, lowest first. A room imports only from rooms that come before it. "" stands for the files that lie
 * directly in the layer's folder: on top they assemble the rooms, at the bottom they are the contract of all rooms.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  store: [
    "",
    "valkey/address",
    "valkey/resp",
    "valkey/trouble",
    "valkey/scripts",
    "valkey/server",
    "valkey/routing",
    "valkey",
    "embedded",
    "upstream",
    "transfer",
  ],
  server: [
    "input",
    "limits",
    "access",
    "pages",
    "writes",
    "overview",
    "claims",
    "telemetry",
    "instance",
    "fleet",
    "connections",
    "relays",
    "clients",
    "sockets/teaching",
    "sockets",
    "lane",
    "admin",
    "http/requests",
    "http/reads",
    "http/feed",
    "http/pictures",
    "http/browser",
    "http",
    "embedding",
    "",
  ],
  client: ["timing", "outbox", "links", "feed", "api", "connection", "watching", "boards", ""],
  judge: ["adapters", "hearing", "findings", "scenes", "report", ""],
  web: [
    "address",
    "state",
    "wording",
    "shell",
    "canvas/view",
    "canvas/held",
    "canvas/paint",
    "canvas/drawing",
    "canvas/replay",
    "canvas/notes",
    "canvas/focus",
    "canvas",
    "lab",
    "",
  ],
};

/** Rooms that stand side by side: neither imports the other. */
const APART: readonly (readonly [string, string])[] = [
  ["store/valkey", "store/embedded"],
  ["store/upstream", "store/valkey"],
  ["store/upstream", "store/embedded"],
  ["store/transfer", "store/valkey"],
  ["store/transfer", "store/upstream"],
  ["store/transfer", "store/embedded"],
  ["server/sockets", "server/lane"],
  ["server/sockets/teaching", "server/lane"],
  ["server/http/reads", "server/http/feed"],
  ["server/http/reads", "server/http/pictures"],
  ["server/http/feed", "server/http/pictures"],
  ["client/outbox", "client/links"],
  ["client/outbox", "client/connection"],
  ["client/feed", "client/watching"],
  ["client/connection", "client/watching"],
  ["client/connection", "client/boards"],
  ["judge/hearing", "judge/findings"],
  ["web/address", "web/state"],
  ["web/canvas", "web/lab"],
];

/** Rooms that only decode, encode and close: what a client may do is decided in `clients` and below. */
const ONLY_CARRY: readonly string[] = ["server/sockets", "server/lane"];
/** They may know the types of these, and nothing of them at run time. */
const NOT_FOR_CARRIERS: readonly string[] = ["store", "server/writes", "server/access"];
/** File -> what it may import of those in spite of that. */
const YET: Readonly<Record<string, readonly string[]>> = {
  // The constant for a socket that no token names.
  "server/sockets/entry.ts": ["server/access/access.ts"],
};

/** Package -> its doors. Files that import only types from it stand behind the colon. */
const DOORS: Readonly<Record<string, { files: readonly string[]; types?: readonly string[] }>> = {
  "socket.io": {
    files: ["server/sockets/sockets.ts"],
    types: [
      "server/sockets/entry.ts",
      "server/sockets/frame-sender.ts",
      "server/sockets/teaching-namespace.ts",
      "server/doors.ts",
      "server/server.ts",
      "server/attach-boards.ts",
    ],
  },
  "socket.io-client": {
    files: ["client/links/socketio-link.ts", "judge/adapters/teaching.ts", "cli/lab/naive-browser.ts"],
  },
  ws: {
    files: ["server/relays/relay-door.ts", "store/upstream/upstream-link.ts", "client/links/web-socket-class.ts"],
  },
  ioredis: { files: ["store/valkey/server/connection.ts"] },
  "cluster-key-slot": { files: ["store/valkey/routing/slot-map.ts"] },
  lmdb: {
    files: ["store/embedded/embedded-store.ts"],
    types: ["store/embedded/claims.ts", "store/embedded/pages.ts", "store/embedded/sessions.ts"],
  },
  express: {
    files: ["app", "browser/assets", "boards", "operators", "routes"].map((name) => `server/http/${name}.ts`),
    types: [
      "server/attach-boards.ts",
      ...[
        "browser/browsers",
        "browser/front-page",
        "feed/feed-sender",
        "feed/waiting-requests",
        "pictures/overview-picture",
        "pictures/preview",
        "reads/counts-sender",
        "reads/page-sender",
        "requests/codings",
        "requests/errors",
        "requests/rate-limit",
        "requests/request-context",
        "requests/shared-caches",
      ].map((name) => `server/http/${name}.ts`),
    ],
  },
  helmet: { files: ["server/http/browser/browsers.ts"] },
  pino: { files: ["server/telemetry/log.ts"] },
  "prom-client": { files: ["server/telemetry/metrics.ts", "server/telemetry/process-metrics.ts"] },
  cookie: { files: ["server/access/caller.ts"] },
  jose: { files: ["server/access/tokens.ts"] },
  "proxy-addr": { files: ["server/limits/client-address.ts"] },
  zod: { files: ["server/input/requests.ts", "store/upstream/calls.ts"] },
  commander: { files: ["cli/main.ts"] },
  nanoevents: { files: ["client/client.ts", "client/boards/live-board.ts"] },
  react: { files: ["react/index.ts"] },
  preact: { files: [] },
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly isType: boolean;
}

function* readImports(): Iterable<Import> {
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, "utf8");
    for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^;"]*?from\s+"([^"]+)"/gms)) {
      yield { file: relative(src, path), from: match[2] ?? "", isType: match[1] !== undefined };
    }
    for (const [, from = ""] of text.matchAll(/\bimport\(\s*"([^"]+)"/g)) {
      yield { file: relative(src, path), from, isType: false };
    }
  }
}

const IMPORTS = [...readImports()];

const FILES = new Set(readdirSync(src, { recursive: true }).map(String));

/** The file of `src` that is imported; undefined for what is none of its modules. */
function targetOf({ file, from }: Import): string | undefined {
  if (!from.startsWith(".") || !from.endsWith(".js")) return undefined;
  const base = normalize(join(dirname(file), from)).slice(0, -".js".length);
  const target = [`${base}.ts`, `${base}.tsx`].find((path) => FILES.has(path));
  assert.ok(target, `${file} imports ${from}, which is no source file`);
  return target;
}

/** File -> the files of `src` that it imports, for its types too. */
function findArrows(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const each of IMPORTS) {
    const target = targetOf(each);
    if (target) found.set(each.file, [...(found.get(each.file) ?? []), target]);
  }
  return found;
}

const ARROWS = findArrows();

/** The first cycle that is found, as a list of files. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

describe("the layers", () => {
  test("each layer imports only those below it", () => {
    for (const { file, from } of IMPORTS) {
      if (!from.startsWith(".")) continue;
      const [layer = ""] = file.split("/");
      const [target = ""] = normalize(join(dirname(file), from)).split("/");
      if (target !== layer) assert.ok(MAY_IMPORT[layer]?.includes(target), `${file} imports ${from}`);
    }
  });

  for (const [layer, rooms] of Object.entries(ROOMS)) {
    test(`each room of ${layer} imports only rooms before it`, () => {
      const roomOf = (file: string) => relative(layer, dirname(file));
      for (const [file, targets] of ARROWS) {
        if (!file.startsWith(`${layer}/`)) continue;
        const room = roomOf(file);
        assert.ok(rooms.includes(room), `${file} lies in no room that is listed here`);
        for (const target of targets) {
          if (!target.startsWith(`${layer}/`)) continue;
          assert.ok(rooms.indexOf(roomOf(target)) <= rooms.indexOf(room), `${file} imports ${target}`);
        }
      }
    });
  }

  test("rooms that stand side by side do not know each other", () => {
    for (const [file, targets] of ARROWS) {
      for (const target of targets) {
        for (const pair of APART) {
          const [from, to] = [file, target].map((path) => pair.find((room) => path.startsWith(`${room}/`)));
          assert.ok(!from || !to || from === to, `${file} imports ${target}`);
        }
      }
    }
  });

  test("the rooms of the protocols only decode, encode and close", () => {
    const used = new Set<string>();
    for (const each of IMPORTS) {
      if (each.isType || !ONLY_CARRY.includes(dirname(each.file))) continue;
      const target = targetOf(each);
      if (!target || !NOT_FOR_CARRIERS.some((room) => target.startsWith(`${room}/`))) continue;
      assert.ok(YET[each.file]?.includes(target), `${each.file} imports ${target}`);
      used.add(`${each.file} ${target}`);
    }
    const listed = Object.entries(YET).flatMap(([file, targets]) => targets.map((target) => `${file} ${target}`));
    assert.deepEqual(
      listed.filter((it) => !used.has(it)),
      [],
      "exceptions that are not needed",
    );
  });

  test("no source file has more than 300 lines, except the table of options", () => {
    for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || relative(src, path) === "server/config.ts") continue;
      const lines = readFileSync(path, "utf8").split("\n").length - 1;
      assert.ok(lines <= 300, `${relative(src, path)} has ${lines} lines`);
    }
  });

  test("no file imports itself by way of others", () => {
    assert.equal(cycleIn(ARROWS)?.join(" -> "), undefined);
  });

  test("each third-party package has its doors and no others", () => {
    for (const { file, from, isType } of IMPORTS) {
      if (from.startsWith(".") || from.startsWith("node:") || file.startsWith("web/")) continue;
      const door = DOORS[from];
      assert.ok(door, `${from}, imported by ${file}, is in no list of doors`);
      const allowed = door.files.includes(file) || (isType && door.types?.includes(file));
      assert.ok(allowed, `${file} imports ${from}`);
    }
  });

  for (const [layer, line, code] of [
    ["board", 'import { newTag } from "../store/tag.js";\nexport const x = newTag;\n', "TS6307"],
    ["board", "export const x = process.pid;\n", "TS2591"],
    ["protocol", "export const x = document.title;\n", "TS2584"],
  ] as const) {
    test(`the compiler refuses a wrong line in ${layer} with ${code}`, (t) => {
      const folder = temporaryFolder(t);
      for (const part of ["board", "protocol", "store"]) {
        cpSync(join(src, part), join(folder, "src", part), { recursive: true });
      }
      cpSync(join(root, "tsconfig.base.json"), join(folder, "tsconfig.base.json"));
      symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
      writeFileSync(join(folder, "src", layer, "wrong.ts"), line);
      const compiler = join(root, "node_modules/typescript/bin/tsc");
      const { stdout } = spawnSync(process.execPath, [compiler, "-b", join("src", layer)], { cwd: folder });
      assert.match(String(stdout), new RegExp(`wrong\\.ts.*${code}`));
    });
  }
});
