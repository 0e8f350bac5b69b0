/*
 * The opening of the report: where SocketScaler is better than others, where it is worse, and what
 * that means for a user. All figures come from the recorded results.
 */

import { type Outcome, show, type Value } from "./outcome.js";

type Row = Outcome["rows"][number];

interface Metric {
  readonly scenario: string;
  /** The column that is compared. */
  readonly column: string;
  readonly what: string;
  /** Otherwise less is better. */
  readonly isMoreBetter?: true;
  /** Other columns that the rows have in common. */
  readonly where?: Readonly<Record<string, Value>>;
  readonly mine?: string;
  readonly others: readonly string[];
  /** What it means that ours is better or worse by a factor, written as "2 to 3 ×". */
  readonly better: (times: string) => string;
  readonly worse: (times: string) => string;
}

/** Smaller differences are those of two runs of one system. */
const LEVEL = 0.05;
const MINE = "SocketScaler";
const COALESCED = "floor: ws + Pub/Sub, coalesced";
const COLYSEUS = "Colyseus + Redis presence";
const ADAPTER = "Socket.IO + redis-adapter";
const PLAIN = "ws + Pub/Sub";

const cpuAt = (rate: number, others: readonly string[]): Metric => ({
  scenario: `cpu-${rate}`,
  column: "cpu",
  what: `CPU per change at ${rate.toLocaleString("en-US")} writes/s`,
  others,
  better: (times) => `The same servers carry ${times} as many changes.`,
  worse: (times) => `The same traffic needs ${times} the CPU.`,
});

const METRICS: readonly Metric[] = [
  cpuAt(200, [COLYSEUS, COALESCED, PLAIN, ADAPTER]),
  cpuAt(2_000, [COLYSEUS, COALESCED, PLAIN, ADAPTER]),
  cpuAt(10_000, [COALESCED]),
  {
    scenario: "cpu-200",
    column: "p99",
    what: "p99 of a click at 200 writes/s",
    others: [COLYSEUS, COALESCED, PLAIN, ADAPTER],
    better: (times) => `The others take ${times} as long to show a click under load.`,
    worse: (times) => `A click under load takes ${times} as long to be seen, because changes are gathered.`,
  },
  {
    scenario: "frame-cost",
    column: "cost",
    what: "CPU per frame with 1,000 sockets",
    where: { clients: 1_000 },
    others: ["bare ws"],
    better: (times) => `A plain loop that sends the same bytes takes ${times} the CPU.`,
    worse: (times) =>
      `Sending takes ${times} the CPU of a plain loop that sends the same bytes and guarantees nothing.`,
  },
  {
    scenario: "knee",
    column: "knee",
    what: "highest write rate",
    isMoreBetter: true,
    others: [COLYSEUS, COALESCED, PLAIN, ADAPTER],
    better: (times) => `A deployment takes ${times} the writes before clicks become slow.`,
    worse: (times) => `The others take ${times} the writes before clicks become slow.`,
  },
  {
    scenario: "idle-click",
    column: "p50",
    what: "p50 of one click when idle",
    others: [COLYSEUS, COALESCED, PLAIN, ADAPTER],
    better: (times) => `On a quiet board, the others take ${times} as long to show a click.`,
    worse: (times) => `On a quiet board, a click takes ${times} as long to be seen.`,
  },
  {
    scenario: "wire-bytes",
    column: "bytes",
    what: "bytes per change at 2,000 writes/s",
    where: { rate: 2_000 },
    others: [COLYSEUS, COALESCED],
    better: (times) => `The others send ${times} the bytes to each client.`,
    worse: (times) => `Each client receives ${times} the bytes.`,
  },
  {
    scenario: "memory",
    column: "kib",
    what: "memory per idle client",
    others: [COLYSEUS, "bare ws", "bare Socket.IO"],
    better: (times) => `The same memory holds ${times} as many clients.`,
    worse: (times) => `An idle client takes ${times} the memory.`,
  },
  {
    scenario: "join",
    column: "ms",
    what: "time to join a board of 1,000,000 cells",
    mine: "join: connect, open, watch 16 pages",
    others: ["HTTP GET of the bitmap's bytes"],
    better: (times) => `A download of as many bytes takes ${times} as long.`,
    worse: (times) => `A large board takes ${times} as long to appear as a download of the same number of bytes.`,
  },
];

interface Compared {
  readonly metric: Metric;
  readonly other: string;
  /** Ours as a multiple of the other; below 1 is better. */
  readonly cost: number;
}

/** In Markdown. Empty if nothing that is compared was recorded. */
export function summaryOf(results: readonly Outcome[]): string[] {
  const compared = METRICS.flatMap((metric) => compare(metric, results));
  if (compared.length === 0) return [];
  const better = compared.filter(({ cost }) => cost < 1 - LEVEL);
  const worse = compared.filter(({ cost }) => cost > 1 + LEVEL);
  const level = compared.filter((each) => !better.includes(each) && !worse.includes(each));
  return [
    "## In short",
    "",
    ...listOf("SocketScaler does better in these measurements", better, (metric, costs) =>
      metric.better(range(costs.map((cost) => 1 / cost))),
    ),
    ...listOf("SocketScaler does worse in these measurements", worse, (metric, costs) => metric.worse(range(costs))),
    ...listOf("These measurements show no significant difference", level, () => ""),
    ...wrongOf(results),
  ];
}

function compare(metric: Metric, results: readonly Outcome[]): Compared[] {
  const rows = results.find(({ name }) => name === metric.scenario)?.rows.filter((row) => fits(row, metric)) ?? [];
  const measuredFor = (system: string) => numberOf(rows.findLast((row) => row.system === system)?.[metric.column]);
  const mine = measuredFor(metric.mine ?? MINE);
  return metric.others.flatMap((other) => {
    const cost = metric.isMoreBetter ? measuredFor(other) / mine : mine / measuredFor(other);
    return Number.isFinite(cost) && cost > 0 ? [{ metric, other, cost }] : [];
  });
}

function fits(row: Row, { where = {} }: Metric): boolean {
  return Object.entries(where).every(([key, value]) => row[key] === value);
}

function listOf(
  title: string,
  compared: readonly Compared[],
  meaning: (metric: Metric, costs: readonly number[]) => string,
): string[] {
  if (compared.length === 0) return [];
  const lines = METRICS.flatMap((metric) => {
    const of = compared.filter((each) => each.metric === metric);
    if (of.length === 0) return [];
    const ratios = of
      .map(
        ({ other, cost }) => `${show(metric.isMoreBetter ? 1 / cost : cost)} × that of ${other.replace("floor: ", "")}`,
      )
      .join(", ");
    const means = meaning(
      metric,
      of.map(({ cost }) => cost),
    );
    return [`- [${metric.scenario}](#${metric.scenario}), ${metric.what}: ${ratios}. ${means}`.trimEnd()];
  });
  return [`${title}:`, "", ...lines, ""];
}

/** Systems that lost writes or whose clients showed something other than the store, in cpu-200. */
function wrongOf(results: readonly Outcome[]): string[] {
  const rows = results.find(({ name }) => name === "cpu-200")?.rows ?? [];
  const isWrong = ({ lost, diverged }: Row) =>
    (lost !== undefined && lost !== 0) || (diverged !== undefined && diverged !== 0);
  const wrong = rows.filter(isWrong).map(({ system }) => String(system));
  const end =
    wrong.length > 0
      ? `These systems lost writes, or had clients that differed from the store: ${wrong.join(", ")}.`
      : "No system lost a write.";
  return [
    `${end} In these runs no connection breaks. The scenarios of \`faults/\` measure what happens if one does. Colyseus and coalesced ws + Pub/Sub do not acknowledge writes.`,
    "",
  ];
}

function range(times: readonly number[]): string {
  const [least, most] = [show(Math.min(...times)), show(Math.max(...times))];
  return least === most ? `${least} ×` : `${least} to ${most} ×`;
}

function numberOf(value: Value | undefined): number {
  if (typeof value === "number") return value;
  return typeof value === "object" && value !== null ? value.median : Number.NaN;
}
