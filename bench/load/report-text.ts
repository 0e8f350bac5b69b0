/* The text of bench/README.md, from the recorded results. Pure, so that a test can compare it. */

import { wrapWords } from "../../src/protocol/wrap.js";
import { type Bar, barChart } from "./bar-chart.js";
import { isMet, type Outcome, show, type Target, type Value } from "./outcome.js";
import { summaryOf } from "./summary.js";

const COLUMNS_MAX = 100;

/** A file of results/. */
export interface Recorded extends Outcome {
  readonly date: string;
  readonly commit: string;
  readonly machine: {
    readonly system: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  /** Packages of bench/peers -> versions. */
  readonly peers: Readonly<Record<string, string>>;
}

interface Report {
  readonly markdown: string;
  /** File names below results/ -> contents. */
  readonly charts: ReadonlyMap<string, string>;
}

export function makeReport(results: readonly Recorded[]): Report {
  const charts = new Map<string, string>();
  for (const result of results) {
    const bars = barsOf(result);
    const column = result.columns.find(({ key }) => key === result.chart);
    if (bars.length > 1 && column) charts.set(`${result.name}.svg`, barChart(column.label, bars));
  }
  return { markdown: [...head(results), ...results.flatMap((result) => section(result, charts))].join("\n"), charts };
}

function head(results: readonly Recorded[]): string[] {
  return [
    "<!-- Generated from results/ by `npm run bench:report`. Do not edit. -->",
    "",
    "# Measured",
    "",
    ...summaryOf(results).flatMap(wrapped),
    "## How",
    "",
    "Each number here comes from a scenario: a program that answers one question. If a scenario compares",
    "SocketScaler with other systems (its peers), all of them take part in the same run. One command runs",
    "all scenarios:",
    "",
    "```sh",
    "npm ci",
    "npm run bench                          # all, about two hours; nothing else should run",
    "npm run bench -- --only cpu-200,knee   # some; --list shows each with its question",
    "npm run bench -- --quick               # short rounds, to check that it works; records nothing",
    "npm run bench:report                   # this report and the sizes in docs/deploy.md, from results/",
    "```",
    "",
    "CPU is the CPU time that the operating system counts for the servers' processes. Trust the ratios",
    "within one run; absolute numbers depend on the machine. A scenario without a section here has not",
    "been recorded.",
    "",
    "All systems of a scenario run on the same version of Node, and as compiled JavaScript. No peer is",
    "based on µWebSockets, because it is not in the npm registry.",
    "",
    "| folder | holds |",
    "| --- | --- |",
    "| `scenarios/` | whole deployments; `crowds/` measures relays and viewers, `faults/` breaks something, `browser/` measures the app |",
    "| `micro/` | scenarios of single parts |",
    "| `load/` | the harness that all scenarios share |",
    "| `peers/` | the other systems' servers, in a separate package with their dependencies |",
    "| `results/` | the recorded results |",
    "",
    "These programs are not scenarios:",
    "",
    "- `main.ts` and `report.ts` are the two commands above.",
    "- Parts of scenarios run in processes of their own, so that their work does not distort the",
    "  measurements. In `load/` these are `counted-instance.ts`, `feed-crowd.ts`, `fleet-host.ts` and",
    "  `page-readers.ts`. In `scenarios/faults/` they are `drain-probe.ts`, `hostile-reader.ts` and",
    "  `hostile-crowd.ts`.",
    "- The files of `peers/` are servers that a scenario starts.",
    "",
    ...wrapped(
      `Peers' packages: ${Object.entries(results[0]?.peers ?? {})
        .map(([name, version]) => `${name} ${version}`)
        .join(", ")}.`,
    ),
    "",
    "## Targets",
    "",
    "| | measured | target | stretch goal | |",
    "| --- | --- | --- | --- | --- |",
    ...results.flatMap(({ name, targets }) => targets.map((target) => targetLine(name, target))),
    "",
  ];
}

function targetLine(name: string, target: Target): string {
  const { text, measured, bound, sense, unit, stretch } = target;
  const beyond = stretch === undefined ? "" : `${show(stretch)} ${unit}`.trimEnd();
  const met = isMet(target) ? "met" : "**not met**";
  return `| [${name}](#${name}): ${text} | ${show(measured)} ${unit} | ${sense} ${show(bound)} ${unit} | ${beyond} | ${met} |`;
}

function section(result: Recorded, charts: ReadonlyMap<string, string>): string[] {
  const { name, question, method, notes } = result;
  const chart = `${name}.svg`;
  return [
    `## ${name}`,
    "",
    ...wrapped(`**${question}${question.endsWith("?") ? "" : "."}** ${method}`),
    "",
    ...tableOf(result),
    "",
    ...(charts.has(chart) ? [`![${question}](results/${chart})`, ""] : []),
    ...notes.flatMap((note) => wrapped(`- ${note}`)),
    ...(notes.length > 0 ? [""] : []),
    ...wrapped(`<sub>${conditionsOf(result)}</sub>`),
    "",
  ];
}

/** The rows of the result as a Markdown table. */
export function tableOf({ columns, rows }: Recorded): string[] {
  return [
    `| ${columns.map(({ label }) => label).join(" | ")} |`,
    `| ${columns.map(() => "---").join(" | ")} |`,
    ...rows.map((row) => `| ${columns.map(({ key }) => show(row[key])).join(" | ")} |`),
  ];
}

/** When, with which versions and on which machine it was recorded. */
export function conditionsOf({ name, date, commit, machine, versions }: Recorded): string {
  const of = Object.entries(versions).map(([part, version]) => `${part} ${version}`);
  return `${date.slice(0, 10)} · commit ${commit} · ${of.join(" · ")} · ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system} · results/${name}.json`;
}

function barsOf({ rows, columns, chart }: Outcome): Bar[] {
  if (chart === undefined) return [];
  // The columns between the system and what is charted tell the rows of one system apart.
  const between = columns.slice(
    1,
    columns.findIndex(({ key }) => key === chart),
  );
  return rows.flatMap((row) => {
    const value = numberOf(row[chart]);
    const label = String(row.system);
    const group = between.map(({ key, label }) => `${label}: ${show(row[key])}`).join(", ");
    return value === null ? [] : [{ label, value, isOurs: label === "SocketScaler", group }];
  });
}

function numberOf(value: Value | undefined): number | null {
  if (typeof value === "number") return value;
  return typeof value === "object" && value !== null ? value.median : null;
}

/** The lines of a paragraph or of an entry of a list, as wide as in all documents. */
export function wrapped(paragraph: string): string[] {
  const mark = paragraph.startsWith("- ") ? "- " : "";
  const lines = wrapWords(paragraph.slice(mark.length), COLUMNS_MAX - mark.length);
  return lines.map((line, at) => (at === 0 ? mark : " ".repeat(mark.length)) + line);
}
