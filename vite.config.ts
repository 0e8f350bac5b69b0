/* Builds the app: the documents of src/web go into dist/page, from where everything is served. */

import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { minify } from "terser";
import { defineConfig, type Plugin } from "vite";
import { loadingFrame } from "./scripts/loading-frame.js";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What all documents load. A module outside of both groups is loaded only where it is used. */
const FRAME = {
  name: "frame",
  test: /preact|\/src\/web\/(address\/(instance-answers|query|visitor-token)|styles\/theme)\b|\/src\/protocol\/count\b/,
  priority: 2,
};
/** One file compresses better than several. `$initial` leaves out what is imported when needed. */
const BOARD = {
  name: "board",
  tags: ["$initial"],
  test: /^(?!.*\/(docs\/|src\/web\/(styles\/)?(demo|cluster|lab|site-header)))/,
  priority: 1,
};

/**
 * A bare `import()`. What the app imports later has no stylesheet, and needs no module that is not
 * here, so Vite's code to preload these would do nothing.
 */
const plainImports: Plugin = {
  name: "plain-imports",
  transform: {
    filter: { id: /vite\/preload-helper/ },
    handler: () => "export const __vitePreload = (load) => load();",
  },
};

/** Terser after Vite's own minifier: at least 2 % smaller than either of them alone. */
const smallerScripts: Plugin = {
  name: "smaller-scripts",
  generateBundle: {
    order: "post",
    async handler(_, files) {
      for (const file of Object.values(files)) {
        if (file.type !== "chunk") continue;
        file.code = (await minify(file.code, { module: true })).code ?? file.code;
      }
    },
  },
};

/**
 * Lets a browser compile all functions of the two files while they arrive, beside the main thread.
 * Otherwise it compiles each function when it is first called, on the main thread.
 */
const compileHint: Plugin = {
  name: "compile-hint",
  generateBundle: {
    // Vite puts a line before the script, and the hint must be first.
    order: "post",
    handler: (_, files) => {
      for (const file of Object.values(files)) {
        const isInitial = file.type === "chunk" && [FRAME.name, BOARD.name].includes(file.name);
        if (isInitial) file.code = `//# allFunctionsCalledOnLoad\n${file.code}`;
      }
    },
  },
};

export default defineConfig({
  root: pathOf("src/web"),
  // The app may be served below a path, so its URLs are relative.
  base: "./",
  plugins: [preact(), loadingFrame(pathOf("src/web/styles")), plainImports, smallerScripts, compileHint],
  resolve: {
    alias: [
      // As `browser` in package.json says of the compiled file.
      { find: /^.*\/web-socket-class\.js$/, replacement: pathOf("src/client/links/web-socket-class.browser.ts") },
      // The text of the steps in the lab.
      { find: /^tutorial\.md(?=\?)/, replacement: pathOf("docs/tutorial.md") },
    ],
  },
  build: {
    outDir: pathOf("dist/page"),
    emptyOutDir: true,
    // Every browser that the app supports has modulepreload.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // Terser takes most of the time, and is meant to.
      checks: { bundlerTimings: false },
      input: [
        pathOf("src/web/index.html"),
        pathOf("src/web/demo.html"),
        pathOf("src/web/cluster.html"),
        pathOf("src/web/lab.html"),
      ],
      output: { codeSplitting: { groups: [FRAME, BOARD] } },
    },
  },
});
