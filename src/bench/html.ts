/* A run as a self-contained HTML page: no scripts, no fonts, no network. */

import { adviceOn } from "./advice.js";
import { escapeMarkup, lineChart, type Series } from "./chart.js";
import type { Second } from "./recorder.js";
import type { BenchResult } from "./result.js";
import { ms, number, rate, resultRows, verdictText } from "./terminal.js";

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;max-width:780px;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#f8fafc}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.verdict{padding:.7rem 1rem;border-radius:8px;margin:1rem 0;border-left:6px solid}
.ok{background:#ecfdf5;border-color:#059669}.bad{background:#fef2f2;border-color:#dc2626}.note{background:#fffbeb;border-color:#d97706}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.7rem}
.tile{background:#fff;border:1px solid #e2e8f0;border-radius:8px;padding:.6rem .9rem}.tile b{display:block;font-size:1.3rem}
svg{width:100%;height:auto;border:1px solid #e2e8f0;border-radius:8px;margin:.5rem 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e2e8f0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e2e8f0;background:#020617}.tile{background:#0f172a;border-color:#334155}
.ok{background:#052e26}.bad{background:#3f1212}.note{background:#3a2a06}svg,td,th{border-color:#334155}}`;

export function htmlReport(result: BenchResult): string {
  const { scenario, machine, startedAt, connected, counts, loadMs, shown, settled, verdict } = result;
  const tiles = [
    ["click to change, p50", ms(shown.p50)],
    ["click to change, p99", ms(shown.p99)],
    ["click to answer, p99", ms(settled.p99)],
    ["writes acknowledged", rate(counts.acknowledged, loadMs)],
    ["changes shown", rate(counts.seen, loadMs)],
    ["clients", `${connected} of ${scenario.clients}`],
  ];
  const facts = [
    ...resultRows(result),
    ["machine", `Node ${machine.node}, ${machine.system}, ${machine.cores} × ${machine.cpu}`],
    ["started", startedAt],
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SocketScaler bench: ${escapeMarkup(scenario.board)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<h1>SocketScaler bench</h1>
<p class="verdict ${verdict.ok ? "ok" : "bad"}">${escapeMarkup(capital(verdictText(result)))}</p>
${adviceOn(result)
  .map((line) => `<p class="verdict note">${escapeMarkup(line)}</p>`)
  .join("\n")}
<div class="tiles">
${tiles.map(([name = "", value = ""]) => `<div class="tile">${escapeMarkup(name)}<b>${escapeMarkup(value)}</b></div>`).join("\n")}
</div>
${kneeChart(result)}
${charts(result.seconds).join("\n")}
<h2>The run</h2>
<table>
${facts.map(([name = "", value = ""]) => `<tr><th>${escapeMarkup(name)}</th><td>${escapeMarkup(value)}</td></tr>`).join("\n")}
</table>
</html>
`;
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
