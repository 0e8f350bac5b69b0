/* How the page is built: the documents of src/web into dist/page. Everything is served from there. */

import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: pathOf("src/web"),
  // The page may be served below a path, so it asks for everything beside itself.
  base: "./",
  plugins: [preact()],
  build: {
    outDir: pathOf("dist/page"),
    emptyOutDir: true,
    // The browsers that have modulepreload are the ones the page is made for.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: [pathOf("src/web/index.html"), pathOf("src/web/demo.html"), pathOf("src/web/cluster.html")],
    },
  },
});
