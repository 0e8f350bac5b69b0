/*
 * Compiles the sources and the tests into dist/.test, one file for one file, so that no process of a test run needs to
 * compile TypeScript again. Each module believes that it is still at its source: `import.meta` is replaced by the
 * source's, and so every path that a test or a program derives from it means the same in both forms.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transform } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["src", "test", "scripts", "bench", "examples"];
const SOURCE = /(?<!\.d)\.tsx?$/;

/** Where the compiled form of everything is. */
export const COMPILED = join(root, "dist", ".test");

/** The compiled form of a source, given below the project's folder. */
export function compiledName(source) {
  return join(COMPILED, source.replace(SOURCE, ".js"));
}

export async function compile() {
  const sources = FOLDERS.flatMap((folder) => namesIn(folder).filter((name) => SOURCE.test(name)));
  const wanted = new Set(sources.map(compiledName).flatMap((name) => [name, `${name}.map`]));
  for (const name of namesIn(join("dist", ".test"))) if (!wanted.has(join(root, name))) rmSync(join(root, name));
  await Promise.all(sources.map(compileOne));
}

async function compileOne(source) {
  const path = join(root, source);
  const { code, map } = await transform(readFileSync(path, "utf8"), {
    loader: source.endsWith("x") ? "tsx" : "ts",
    target: "node20",
    sourcefile: pathToFileURL(path).href,
    sourcemap: "external",
    sourcesContent: false,
    jsx: "automatic",
    jsxImportSource: source.startsWith("src") ? "preact" : "react",
    define: {
      "import.meta.url": JSON.stringify(pathToFileURL(path).href),
      "import.meta.dirname": JSON.stringify(dirname(path)),
    },
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  writeIfChanged(compiledName(source), code);
  writeIfChanged(`${compiledName(source)}.map`, map);
}

/** Another run may be using what is there. */
function writeIfChanged(file, text) {
  try {
    if (readFileSync(file, "utf8") === text) return;
  } catch {
    mkdirSync(dirname(file), { recursive: true });
  }
  writeFileSync(file, text);
}

function namesIn(folder) {
  try {
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  } catch {
    return [];
  }
}
