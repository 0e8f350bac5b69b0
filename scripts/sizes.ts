/*
 * `npm run sizes`: the bytes that a browser loads, uncompressed and with gzip and brotli at their
 * best levels. It measures each kind of the app and the bundled client library, and writes the
 * table of docs/measured.md, which test/sizes.test.ts compares.
 *
 * A browser that reaches the lane never loads the code for Socket.IO. That has a row of its own.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "dist", "page");
const DOCUMENT = join(root, "docs", "measured.md");
const MARKER = "<!-- sizes";

/** The largest accepted sizes with brotli. A larger one needs a decision. */
const BROTLI_BYTES_MAX = {
  board: 56_000,
  script: 50_000,
  demo: 9_000,
  cluster: 10_500,
  client: 15_200,
  socketIo: 12_500,
  feed: 3_500,
};

/** A size in bytes. */
export interface Size {
  readonly name: string;
  readonly raw: number;
  readonly gzip: number;
  readonly brotli: number;
  readonly brotliMax: number;
}

/** In the order of the table. Reads the build. */
export async function measureSizes(): Promise<Size[]> {
  const board = filesOf("index.html");
  const { entry, socketIo, feed } = await bundleClient();
  const most = BROTLI_BYTES_MAX;
  return [
    sizeOf("the app", most.board, [...board.values()]),
    sizeOf("… its script", most.script, scriptsIn(board)),
    sizeOf("`/demo`, besides its panes", most.demo, [...filesOf("demo.html").values()]),
    sizeOf("`/cluster`", most.cluster, [...filesOf("cluster.html").values()]),
    sizeOf("`socketscaler/client`, bundled", most.client, entry),
    sizeOf("… its code for Socket.IO, loaded when needed", most.socketIo, socketIo),
    sizeOf("… its code for the feed, loaded when needed", most.feed, feed),
  ];
}

/** The document and every file that it loads, as they are sent, by their names. */
function filesOf(document: string): Map<string, Buffer> {
  const html = readFileSync(join(page, document), "utf8");
  const loaded = Array.from(html.matchAll(/(?:src|href)="\.\/([^"]+\.(?:js|css|svg))"/g), ([, path = ""]) => path);
  return new Map([document, ...loaded].map((path) => [basename(path), readFileSync(join(page, path))]));
}

function scriptsIn(files: ReadonlyMap<string, Buffer>): Buffer[] {
  return Array.from(files).flatMap(([name, file]) => (name.endsWith(".js") ? [file] : []));
}

interface Bundle {
  /** All that a browser loads at first. */
  readonly entry: Buffer[];
  readonly socketIo: Buffer[];
  readonly feed: Buffer[];
}

/**
 * Bundled as a part of an app: what its files share lies in the one that is loaded first. Such a
 * bundle keeps no hints to other bundlers (`@__PURE__`), as a bundled library would.
 */
async function bundleClient(): Promise<Bundle> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root,
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      minify: true,
      lib: { entry: join(root, "dist", "client", "index.js"), formats: ["es"] },
      rolldownOptions: { preserveEntrySignatures: "allow-extension", output: { minify: true, comments: false } },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  if (!first || !("output" in first)) throw new Error("nothing was built");
  const entry: Buffer[] = [];
  const socketIo: Buffer[] = [];
  const feed: Buffer[] = [];
  for (const chunk of first.output) {
    if (chunk.type !== "chunk") continue;
    const modules = Object.keys(chunk.modules);
    if (modules.some((path) => path.includes("/node_modules/ws/"))) throw new Error("a browser would load ws");
    const isSocketIo = modules.some((path) => path.includes("/node_modules/socket.io-client/"));
    const isFeed = modules.some((path) => path.endsWith("/feed-link.js"));
    (isSocketIo ? socketIo : isFeed ? feed : entry).push(Buffer.from(chunk.code));
  }
  return { entry, socketIo, feed };
}

/** Each file is compressed separately, because it is sent separately. */
function sizeOf(name: string, brotliMax: number, files: readonly Buffer[]): Size {
  const sum = (size: (file: Buffer) => number) => files.reduce((bytes, file) => bytes + size(file), 0);
  return {
    name,
    brotliMax,
    raw: sum((file) => file.length),
    gzip: sum((file) => gzipSync(file, { level: 9 }).length),
    brotli: sum((file) => brotliCompressSync(file).length),
  };
}

function tableOf(sizes: readonly Size[]): string {
  const kb = (bytes: number) => `${(bytes / 1_000).toFixed(1)} KB`;
  const rows = sizes.map(({ name, raw, gzip, brotli, brotliMax }) => {
    return `| ${name} | ${kb(raw)} | ${kb(gzip)} | ${kb(brotli)} | ${kb(brotliMax)} |`;
  });
  return ["| | as built | gzip | brotli | brotli at most |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

async function main(): Promise<void> {
  const table = tableOf(await measureSizes());
  const text = readFileSync(DOCUMENT, "utf8");
  const start = text.indexOf("\n\n", text.indexOf(MARKER)) + 2;
  const end = text.indexOf("\n\n", start);
  writeFileSync(DOCUMENT, text.slice(0, start) + table + text.slice(end));
  console.log(table);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
