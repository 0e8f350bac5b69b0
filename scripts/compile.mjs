/*
 * Compiles the tests, and the programs that they start, into dist/.test. Without this, every
 * process of a test run would compile TypeScript and load hundreds of small files, which costs more
 * than most tests do. Modules and packages that several of them use become shared chunks.
 *
 * Each module believes that it is still at its source, because `import.meta` is replaced. So every
 * path that a test or a program derives from it means the same in both forms.
 */

import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The folder of the compiled tests and programs. */
export const COMPILED = join(root, "dist", ".test");

/** Programs that tests start. Others run from their sources. */
const PROGRAMS = [
  "src/cli/main.ts",
  "test/contract/endless-writer.ts",
  "test/support/lock-racer.ts",
  "test/simulation/simulate.ts",
  "examples/embed.ts",
  "examples/attendance-sheet/server.ts",
  "examples/presence-grid/server.ts",
  "examples/seat-map/server.ts",
  "examples/tutorial/main.ts",
  "examples/tutorial/naive/serve.ts",
];

/** These load native code, or files next to their own. Examples use this package as it is built. */
const PACKAGES_LEFT_OUT = [
  "lmdb",
  "playwright-core",
  "axe-core",
  "vite",
  "@preact/preset-vite",
  "typescript",
  "socket.io",
  "socketscaler",
  "@action-validator/core",
];

/** Chunks that no run has used for this long are removed. */
const KEPT_MS = 24 * 3_600_000;

/** The compiled form of a test or a program, given below the project's folder. */
export function compiledName(source) {
  return join(COMPILED, source.replace(/\.tsx?$/, ".js"));
}

/** Compiles these test files and all programs. */
export async function compile(tests) {
  const { metafile } = await build({
    entryPoints: [...tests, ...PROGRAMS],
    absWorkingDir: root,
    outbase: root,
    outdir: COMPILED,
    chunkNames: "chunks/[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    jsx: "automatic",
    sourcemap: true,
    sourcesContent: false,
    external: PACKAGES_LEFT_OUT,
    // CommonJS packages load Node's modules by this name.
    banner: { js: 'import { createRequire as __from } from "node:module"; const require = __from(import.meta.url);' },
    plugins: [{ name: "at-its-source", setup: keepPlaces }],
    metafile: true,
    logLevel: "warning",
  });
  // Another run may still be using chunks that this one did not write.
  const written = new Set(Object.keys(metafile.outputs));
  for (const name of readdirSync(join(COMPILED, "chunks"))) {
    const file = join(COMPILED, "chunks", name);
    const isOld = Date.now() - statSync(file).mtimeMs > KEPT_MS;
    if (isOld && !written.has(`dist/.test/chunks/${name}`)) rmSync(file);
  }
}

function keepPlaces({ onLoad }) {
  onLoad({ filter: /\.tsx?$/ }, ({ path }) => ({
    loader: path.endsWith("x") ? "tsx" : "ts",
    contents: readFileSync(path, "utf8")
      .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
      .replaceAll("import.meta.dirname", JSON.stringify(dirname(path))),
  }));
}
