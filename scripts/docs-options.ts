/*
 * `npm run docs:options`: writes the option table of src/server/config.ts into docs/operations.md, between the markers.
 * docs.test.ts fails while the document has another.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OPTIONS } from "../src/server/config.js";

export const OPERATIONS = fileURLToPath(new URL("../docs/operations.md", import.meta.url));
const BEGIN = "<!-- options: made from src/server/config.ts by npm run docs:options; not to be edited -->";
const END = "<!-- /options -->";

/** The document with the table as the code has it. */
export function withOptions(text: string): string {
  const [start, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`docs/operations.md lacks its markers, ${BEGIN} and ${END}`);
  return `${text.slice(0, start)}${BEGIN}\n\n${table()}\n\n${text.slice(end)}`;
}

function table(): string {
  const rows = Object.values(OPTIONS).map(({ env, alsoEnv, fallback, help, reason = "" }) => {
    const names = alsoEnv ? `\`${env}\`, \`${alsoEnv}\`` : `\`${env}\``;
    return [names, fallback ? `\`${fallback}\`` : "", help, reason];
  });
  const head = ["variable", "default", "meaning", "why this default"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

/** A bar would end the cell. */
function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(OPERATIONS, withOptions(readFileSync(OPERATIONS, "utf8")));
}
