/*
 * `npm run sizes`: the bytes that a browser loads, uncompressed and with gzip and brotli at their
 * best levels. It measures each kind of the app and the bundled client library, and writes the
 * table of docs/operations.md, which test/sizes.test.ts compares. An instance does not compress the
 * files; a proxy may.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "dist", "page");
const DOCUMENT = join(root, "docs", "operations.md");
const MARKER = "<!-- sizes";

/** The largest accepted sizes with brotli. A larger one needs a decision. */
const BROTLI_BYTES_MAX = {
  smallBoard: 42_000,
  largeBoard: 60_000,
  demo: 8_000,
  cluster: 10_000,
  client: 22_500,
  clientAlone: 11_500,
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
  const canvas = dynamicImportsOf(board);
  if (canvas.length === 0) throw new Error("the page loads no canvas: its size would not be counted");
  const { smallBoard, largeBoard, demo, cluster, client, clientAlone } = BROTLI_BYTES_MAX;
  return [
    sizeOf("the page of a board up to 10,000", smallBoard, board),
    sizeOf("… and of a larger one", largeBoard, [...board, ...canvas]),
    sizeOf("`/demo`, besides its panes", demo, filesOf("demo.html")),
    sizeOf("`/cluster`", cluster, filesOf("cluster.html")),
    sizeOf("`socketscaler/client`, bundled", client, [await bundleClient([])]),
    sizeOf("… without `socket.io-client`", clientAlone, [await bundleClient(["socket.io-client"])]),
  ];
}

/** The document and every file that it loads, as they are sent. */
function filesOf(document: string): Buffer[] {
  const html = readFileSync(join(page, document), "utf8");
  const loaded = Array.from(html.matchAll(/(?:src|href)="\.\/([^"]+)"/g), ([, path = ""]) => path);
  return [Buffer.from(html), ...loaded.map((path) => readFileSync(join(page, path)))];
}

/** The files that these scripts load later, by the names that Vite gave them. */
function dynamicImportsOf(files: readonly Buffer[]): Buffer[] {
  const text = files.map(String).join("\n");
  const names = new Set(
    Array.from(text.matchAll(/import\((?:`|"|')\.\/([\w-]+\.js)(?:`|"|')\)/g), ([, name = ""]) => name),
  );
  return Array.from(names, (name) => readFileSync(join(page, "assets", name)));
}

async function bundleClient(external: string[]): Promise<Buffer> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root,
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      minify: true,
      lib: { entry: join(root, "dist", "client", "index.js"), formats: ["es"] },
      rolldownOptions: { external, output: { minify: true } },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  if (!first || !("output" in first)) throw new Error("nothing was built");
  return Buffer.from(first.output.map((each) => (each.type === "chunk" ? each.code : "")).join(""));
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
