/*
 * `npm run docs:options`: writes the generated tables of documents between their markers.
 * docs/configure.md has the options of src/server/config.ts. Of bench/results, docs/deploy.md has
 * the sizes, and docs/crowds.md the costs of crowds. docs.test.ts compares them.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { conditionsOf, tableOf, wrapped } from "../bench/load/report-text.js";
import { readResults } from "../bench/load/results.js";
import { OPTIONS } from "../src/server/config.js";

interface Table {
  readonly document: string;
  /** The name in the markers. */
  readonly name: string;
  /** The source, and the command that writes the table. */
  readonly from: string;
  readonly make: () => readonly string[];
}

export const TABLES: readonly Table[] = [
  {
    document: "docs/configure.md",
    name: "options",
    from: "src/server/config.ts by npm run docs:options",
    make: options,
  },
  measured("docs/deploy.md", "sizing"),
  ...["viewers", "relays", "relay-click", "relay-joins", "crowd-cache"].map((name) => measured("docs/crowds.md", name)),
];

export function writeTables(): void {
  for (const table of TABLES) {
    const path = fileURLToPath(new URL(`../${table.document}`, import.meta.url));
    const before = readFileSync(path, "utf8");
    const after = withTable(before, table);
    writeFileSync(path, after);
    console.log(`${table.document}: its table ${before === after ? "was up to date" : "was updated"}`);
  }
}

/** The document with the current table. */
export function withTable(text: string, { document, name, from, make }: Table): string {
  const begin = `<!-- ${name}: made from ${from}, not to be edited -->`;
  const end = `<!-- /${name} -->`;
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)];
  if (start < 0 || stop < start) throw new Error(`${document} lacks the markers ${begin} and ${end}`);
  return `${text.slice(0, start)}${begin}\n\n${make().join("\n")}\n\n${text.slice(stop)}`;
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

/** The table of a scenario's recorded result. */
function measured(document: string, name: string): Table {
  return {
    document,
    name,
    from: `bench/results/${name}.json by npm run bench:report`,
    make: () => {
      const [result] = readResults([name]);
      if (!result) return [`Not recorded yet. To measure it, run \`npm run bench -- --only ${name}\`.`];
      return [...wrapped(result.method), "", ...tableOf(result), "", ...wrapped(`<sub>${conditionsOf(result)}</sub>`)];
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTables();
