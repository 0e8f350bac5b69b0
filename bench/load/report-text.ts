/* The text of bench/README.md, from the recorded results. Pure, so that a test can compare it. */

import { type Bar, barChart } from "./bar-chart.js";
import { isMet, type Outcome, show, type Value } from "./outcome.js";

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
    "<!-- Made by `npm run bench:report` from results/; not to be edited. -->",
    "",
    "# Measured",
    "",
    "Each number here comes from a scenario: a program that answers one question. A scenario that has",
    "peers runs them alongside SocketScaler in the same run. One command runs all scenarios:",
    "",
    "```sh",
    "npm ci",
    "npm run bench                          # all, about an hour and a half; nothing else should run",
    "npm run bench -- --only cpu-200,knee   # some; --list shows each with its question",
    "npm run bench -- --quick               # short rounds, to check that it works; records nothing",
    "npm run bench:report                   # this page and the sizes in docs/operations.md, from results/",
    "```",
    "",
    "CPU is the operating system's account of the servers' processes. Trust the ratios within one run;",
    "absolute numbers depend on the machine. A scenario without a section here is not recorded yet.",
    "",
    "| folder | holds |",
    "| --- | --- |",
    "| `scenarios/` | whole deployments; `faults/` breaks something, `browser/` measures the app |",
    "| `micro/` | scenarios of single parts |",
    "| `load/` | the harness that all scenarios share |",
    "| `peers/` | the other systems' servers, a package of its own with their dependencies |",
    "| `results/` | the recorded results |",
    "",
    "These programs are not scenarios:",
    "",
    "- `main.ts` and `report.ts` are the two commands above.",
    "- `load/fleet-host.ts` and, in `scenarios/faults/`, `drain-probe.ts`, `hostile-reader.ts` and",
    "  `hostile-crowd.ts` are parts of a scenario that run in a process of their own, so that their work",
    "  does not distort the measurements.",
    "- The files of `peers/` are servers that a scenario starts.",
    "",
    `Peers' packages: ${Object.entries(results[0]?.peers ?? {})
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    "",
    "## Targets",
    "",
    "| | measured | target | |",
    "| --- | --- | --- | --- |",
    ...results.flatMap(({ name, targets }) =>
      targets.map((target) => {
        const { text, measured, bound, sense, unit } = target;
        const link = `[${name}](#${name})`;
        return `| ${link}: ${text} | ${show(measured)} ${unit} | ${sense} ${show(bound)} ${unit} | ${isMet(target) ? "met" : "**not met**"} |`;
      }),
    ),
    "",
  ];
}

function section(result: Recorded, charts: ReadonlyMap<string, string>): string[] {
  const { name, question, method, notes } = result;
  const chart = `${name}.svg`;
  return [
    `## ${name}`,
    "",
    `**${question}${question.endsWith("?") ? "" : "."}** ${method}`,
    "",
    ...tableOf(result),
    "",
    ...(charts.has(chart) ? [`![${question}](results/${chart})`, ""] : []),
    ...notes.map((note) => `- ${note}`),
    ...(notes.length > 0 ? [""] : []),
    `<sub>${conditionsOf(result)}</sub>`,
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

function barsOf({ rows, chart }: Outcome): Bar[] {
  if (chart === undefined) return [];
  return rows.flatMap((row) => {
    const value = numberOf(row[chart]);
    const label = String(row.system);
    return value === null ? [] : [{ label, value, isOurs: label === "SocketScaler" }];
  });
}

function numberOf(value: Value | undefined): number | null {
  if (typeof value === "number") return value;
  return typeof value === "object" && value !== null ? value.median : null;
}
