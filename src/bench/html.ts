/* A run as an HTML page: verdict, figures, charts and facts. */

import { adviceOn } from "./advice.js";
import { lineChart, type Series } from "./chart.js";
import type { Second } from "./recorder.js";
import { factTable, notice, reportPage, tiles } from "./report-page.js";
import type { BenchResult } from "./result.js";
import { ms, number, rate, resultRows, verdictText } from "./terminal.js";

const STYLE = `
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,40rem),1fr));gap:var(--space-4)}
.chart{display:block;width:100%;min-width:40rem;font-size:12px}.chart text{fill:currentColor}.chart-title{font-size:15px;font-weight:680}
th,td{text-align:left;vertical-align:top}td{white-space:normal}`;

export function htmlReport(result: BenchResult): string {
  const { scenario, machine, startedAt, connected, counts, loadMs, shown, settled, verdict } = result;
  const seer = scenario.viewers > 0 ? "viewer" : "change";
  const figures = [
    [`click to ${seer}, p50`, ms(shown.p50)],
    [`click to ${seer}, p99`, ms(shown.p99)],
    ["click to answer, p99", ms(settled.p99)],
    ["writes acknowledged", rate(counts.acknowledged, loadMs)],
    ["changes shown", rate(counts.seen, loadMs)],
    ["clients", `${connected} of ${scenario.clients + scenario.viewers}`],
  ];
  const facts = [
    ...resultRows(result),
    ["machine", `Node ${machine.node}, ${machine.system}, ${machine.cores} × ${machine.cpu}`],
    ["started", startedAt],
  ];
  const drawn = [kneeChart(result), ...charts(result.seconds)].filter((chart) => chart !== "");
  const content = [
    notice(verdict.ok ? "good" : "bad", verdictText(result)),
    ...adviceOn(result).map((line) => notice("waiting", line)),
    tiles(figures),
    `<div class="charts">\n${drawn.map((chart) => `<div class="table">${chart}</div>`).join("\n")}\n</div>`,
    factTable(facts),
  ].join("\n");
  const about = `Board ${scenario.board}`;
  return reportPage({ title: `Bench · ${scenario.board}`, name: "Bench", about, style: STYLE, content });
}

function charts(seconds: readonly Second[]): string[] {
  const over = (name: string, read: (second: Second) => number | null) => ({
    name,
    points: seconds.map((second) => ({ x: second.at, y: read(second) })),
  });
  const chart = (title: string, yLabel: string, ...series: Series[]) =>
    lineChart({ title, xLabel: "seconds", yLabel, series });
  return [
    chart(
      "Latency",
      "ms",
      over("click to change p50", ({ shown }) => shown.p50),
      over("click to change p99", ({ shown }) => shown.p99),
      over("click to answer p99", ({ settled }) => settled.p99),
    ),
    chart(
      "Writes",
      "per second",
      over("made", ({ counts }) => counts.written),
      over("acknowledged", ({ counts }) => counts.acknowledged),
      over("errors", ({ errors }) => errors),
    ),
    chart(
      "Changes shown by clients",
      "per second",
      over("changes", ({ counts }) => counts.seen),
      over("frames", ({ counts }) => counts.frames),
    ),
    chart(
      "Clients connected and up to date",
      "",
      over("clients", ({ live }) => live),
    ),
  ];
}

function kneeChart({ trials, knee, scenario }: BenchResult): string {
  if (trials.length === 0) return "";
  const points = trials.map(({ rate, p99 }) => ({ x: rate, y: p99 })).toSorted((a, b) => a.x - b.x);
  const title = knee === null ? "No rate passed" : `Highest rate: ${number(knee)} writes/s`;
  const bound = { name: `bound ${scenario.p99MsMax} ms`, y: scenario.p99MsMax };
  const series = [{ name: "click to change p99", points }];
  return lineChart({ title, xLabel: "writes/s", yLabel: "p99, ms", series, bound });
}
