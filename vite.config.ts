/* Builds the app: the documents of src/web go into dist/page, from where everything is served. */

import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";
import { loadingFrame } from "./scripts/loading-frame.js";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: pathOf("src/web"),
  // The app may be served below a path, so its URLs are relative.
  base: "./",
  plugins: [preact(), loadingFrame(pathOf("src/web"))],
  resolve: {
    // As `browser` in package.json says of the compiled file.
    alias: [{ find: /^\.\/web-socket-class\.js$/, replacement: pathOf("src/client/web-socket-class.browser.ts") }],
  },
  build: {
    outDir: pathOf("dist/page"),
    emptyOutDir: true,
    // Every browser that the app supports has modulepreload.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: [pathOf("src/web/index.html"), pathOf("src/web/demo.html"), pathOf("src/web/cluster.html")],
    },
  },
});
