/* What bench/README.md says, made from the recorded results alone. Pure, so that a test can tell whether it was made again. */

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

export interface Report {
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
    "Every number here was taken by one of two commands, scenario by scenario: whole deployments by the first, single parts by the second. A scenario that has",
    "peers runs them beside SocketScaler in the same run; some have none. To take the numbers again:",
    "",
    "```sh",
    "npm ci",
    "npm run bench:peers                          # all, about half an hour; nothing else should run",
    "npm run bench:peers -- --only cpu-200,knee   # some; --list names them, --quick looks and records nothing",
    "npm run bench:micro                          # single parts",
    "npm run bench:report                         # this page, from results/",
    "```",
    "",
    "The peers are installed for it in `bench/peers/`, and nowhere else. CPU is what the operating system says of the servers' processes. Ratios in",
    "one run are what to trust: absolute numbers are this machine's.",
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
    `**${question}.** ${method}`,
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

/** As Markdown. */
export function tableOf({ columns, rows }: Recorded): string[] {
  return [
    `| ${columns.map(({ label }) => label).join(" | ")} |`,
    `| ${columns.map(() => "---").join(" | ")} |`,
    ...rows.map((row) => `| ${columns.map(({ key }) => show(row[key])).join(" | ")} |`),
  ];
}

/** When, with what and on what it was taken. */
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
