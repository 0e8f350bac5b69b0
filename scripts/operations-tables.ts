/*
 * `npm run docs:options`: writes the generated tables of docs/operations.md between their markers.
 * They are the options of src/server/config.ts and the sizes in bench/results. docs.test.ts
 * compares them.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { conditionsOf, tableOf } from "../bench/load/report-text.js";
import { readResults } from "../bench/load/results.js";
import { OPTIONS } from "../src/server/config.js";

export const OPERATIONS = fileURLToPath(new URL("../docs/operations.md", import.meta.url));

/** Name in the markers -> the source of the table, and a function that makes it. */
const PARTS: Readonly<Record<string, { readonly from: string; readonly make: () => readonly string[] }>> = {
  options: { from: "src/server/config.ts by npm run docs:options", make: options },
  sizing: { from: "bench/results/sizing.json by npm run bench:report", make: sizes },
};

export function writeTables(): void {
  const before = readFileSync(OPERATIONS, "utf8");
  const after = withTables(before);
  writeFileSync(OPERATIONS, after);
  console.log(`docs/operations.md: ${before === after ? "its tables were up to date" : "its tables were updated"}`);
}

/** The document with the current tables. */
export function withTables(text: string): string {
  let made = text;
  for (const [name, { from, make }] of Object.entries(PARTS)) {
    const begin = `<!-- ${name}: made from ${from}, not to be edited -->`;
    const end = `<!-- /${name} -->`;
    const [start, stop] = [made.indexOf(begin), made.indexOf(end)];
    if (start < 0 || stop < start) throw new Error(`docs/operations.md lacks the markers ${begin} and ${end}`);
    made = `${made.slice(0, start)}${begin}\n\n${make().join("\n")}\n\n${made.slice(stop)}`;
  }
  return made;
}

function options(): string[] {
  const rows = Object.values(OPTIONS).map(({ env, alsoEnv, fallback, help, reason }) => {
    const names = alsoEnv ? `\`${env}\`, \`${alsoEnv}\`` : `\`${env}\``;
    return [names, fallback ? `\`${fallback}\`` : "", help, reason];
  });
  const head = ["variable", "default", "meaning", "why this default"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`);
}

/** A vertical bar would end the table cell. */
function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

function sizes(): string[] {
  return readResults(["sizing"]).flatMap((result) => [
    result.method,
    "",
    ...tableOf(result),
    "",
    `<sub>${conditionsOf(result)}</sub>`,
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTables();
