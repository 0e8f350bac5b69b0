/*
 * Makes the document of the app paint before anything else is loaded. It gets the rules of
 * src/web/styles/frame.css inside, with the values of theme.css. The stylesheets are linked below
 * the frame, because a browser paints nothing that follows a link until the stylesheet is there.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { readTheme, type Theme } from "./theme.js";

export function loadingFrame(folder: string): Plugin {
  return {
    name: "loading-frame",
    transformIndexHtml: {
      order: "post",
      handler: (html, { filename }) => {
        if (!filename.endsWith("index.html")) return html;
        const links: string[] = [];
        const rest = html.replace(/\s*<link rel="stylesheet"[^>]*>/g, (link) => {
          links.push(link);
          return "";
        });
        return rest
          .replace("</title>", () => `</title>\n    <style>${frameStyle(folder)}</style>`)
          .replace("\n  </body>", () => `${links.join("")}\n  </body>`);
      },
    },
  };
}

function frameStyle(folder: string): string {
  const frame = compact(readFileSync(join(folder, "frame.css"), "utf8"));
  const used = [...new Set(frame.match(/--[a-z0-9-]+/g))];
  const { light, dark } = readTheme();
  const valuesIn = (theme: Theme) => used.flatMap((name) => (theme.has(name) ? `${name}:${theme.get(name)}` : []));
  const values = valuesIn(light);
  if (values.length < used.length) throw new Error("frame.css uses a variable that theme.css does not set");
  return `:root{${values.join(";")}}@media (prefers-color-scheme:dark){:root{${valuesIn(dark).join(";")}}}${frame}`;
}

/** Without comments and needless blanks. */
function compact(css: string): string {
  return css
    .replace(/\/\*.*?\*\//gs, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,]) ?/g, "$1")
    .replace(/: /g, ":")
    .trim();
}
