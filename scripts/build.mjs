/*
 * Builds everything into dist/: the compiled layers, the Lua scripts next to them, the app with its
 * compressed copies, and the package's stylesheet. The lab's naive servers are there, too.
 * With `--if-stale` it builds only if a source is newer than the last build. So `npm start` is
 * quick, and a second terminal does not rebuild under a running instance.
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { compressAssets } from "./compress-assets.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, "dist", ".built");
const sources = [
  "src",
  "examples/tutorial/naive",
  "docs/tutorial.md",
  "scripts/compress-assets.mjs",
  "package-lock.json",
  "tsconfig.base.json",
  "tsconfig.json",
  "vite.config.ts",
];

if (process.argv.includes("--if-stale") && existsSync(stamp)) {
  const builtMs = statSync(stamp).mtimeMs;
  if (sources.every((source) => newestMs(join(root, source)) <= builtMs)) process.exit(0);
}

process.stderr.write("building … ");
run("tsc", ["-b"]);
cpSync(join(root, "src", "store", "valkey", "scripts"), join(root, "dist", "store", "valkey", "scripts"), {
  recursive: true,
  filter: (path) => !path.endsWith(".ts"),
});
compileNaive(join(root, "examples", "tutorial", "naive"), join(root, "dist", "naive"));
run("vite", ["build", "--logLevel", "warn"]);
compressAssets(join(root, "dist", "page"));
writeFileSync(join(root, "dist", "theme.css"), packageTheme(join(root, "src", "web")));
writeFileSync(stamp, "");
process.stderr.write("done\n");

/** The tutorial's naive servers as JavaScript, which the lab of `socketscaler demo` starts. */
function compileNaive(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const { code } = transformSync(readFileSync(join(from, name), "utf8"), { loader: "ts", target: "node20" });
    writeFileSync(join(to, name.replace(/\.ts$/, ".js")), code);
  }
}

/** The stylesheet `socketscaler/theme.css`, which needs no other file. */
function packageTheme(folder) {
  const styles = ["theme.css", "site-header.css", "page.css"]
    .map((name) => readFileSync(join(folder, "styles", name), "utf8"))
    .join("\n");
  const sign = readFileSync(join(folder, "public", "favicon.svg"), "base64");
  return styles.replace("/favicon.svg", `data:image/svg+xml;base64,${sign}`);
}

function run(tool, args) {
  const script = { tsc: "typescript/bin/tsc", vite: "vite/bin/vite.js" }[tool];
  const { status } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
}

function newestMs(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stats.mtimeMs);
}
