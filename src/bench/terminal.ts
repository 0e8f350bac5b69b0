/* A run as text: a line for each second, and a table at the end. */

import { countOf } from "../protocol/count.js";
import { adviceOn } from "./advice.js";
import type { Mismatch } from "./messages.js";
import type { Latency, Second } from "./recorder.js";
import type { BenchResult } from "./result.js";
import type { Usage } from "./usage.js";

export function secondLine({ at, phase, live, counts, errors, shown }: Second, clients: number): string {
  return [
    `${at.toFixed(0).padStart(4)} s`,
    phase.padEnd(7),
    `connected ${live}/${clients}`,
    `writes ${number(counts.acknowledged)}/s`,
    `changes shown ${number(counts.seen)}/s`,
    `p50 ${ms(shown.p50)}`,
    `p99 ${ms(shown.p99)}`,
    `errors ${errors}`,
  ].join("  ");
}

export function resultTable(result: BenchResult): string {
  const lines = [...resultRows(result), ["correctness", verdictText(result)]];
  const table = lines.map(([name = "", value = ""]) => `  ${name.padEnd(16)} ${value}`).join("\n");
  const advice = adviceOn(result).map((line) => `  ! ${line}`);
  return ["", table, ...(advice.length > 0 ? ["", ...advice] : []), ""].join("\n");
}

export function resultRows(result: BenchResult): string[][] {
  const { scenario, instances, connected, loadMs, counts, shown, settled, late, busy, knee } = result;
  const { clients, viewers, via } = scenario;
  const asked = scenario.findMax ? (knee ?? 0) : scenario.rate;
  const perSecond = (count: number) => rate(count, loadMs);
  const bytesPerChange = counts.seen > 0 ? (counts.bytes / counts.seen).toFixed(1) : "-";
  return [
    ["instances", instances.map(({ url, name, engine }) => `${url} ${name} (${engine})`).join(", ")],
    ["board", `${scenario.board}, ${countOf(instances[0]?.size ?? 0, "cell")}, ${countOf(scenario.pages, "page")}`],
    ["load", `${number(asked)} writes/s, ${scenario.spread}, for ${scenario.durationMs / 1_000} s`],
    [
      "clients",
      `${connected} of ${clients + viewers}${viewers > 0 ? `, with ${countOf(viewers, "viewer")} by ${via}` : ""}${counts.lost > 0 ? `, ${countOf(counts.lost, "connection")} lost` : ""}`,
    ],
    [
      "writes",
      `${perSecond(counts.written)} made, ${perSecond(counts.acknowledged)} acknowledged, ${counts.refused} refused`,
    ],
    ["changes shown", `${perSecond(counts.seen)}, ${bytesPerChange} bytes each, in ${perSecond(counts.frames)} frames`],
    [viewers > 0 ? "click to viewer" : "click to change", percentiles(shown)],
    ["click to answer", percentiles(settled)],
    [
      "generator",
      `${countOf(scenario.workers, "thread")}, up to ${(busy * 100).toFixed(0)} % busy, p99 of its own delays ${ms(late.p99)}`,
    ],
    ...viewerRows(result),
    ...trialRows(result),
  ];
}

function viewerRows({ scenario, counts, loadMs, usages }: BenchResult): string[][] {
  const { viewers } = scenario;
  const seconds = loadMs / 1_000 || 1;
  const rows = usages.flatMap((usage) =>
    "problem" in usage ? [] : [[`used by ${usage.url}`, usageText(usage, viewers)]],
  );
  if (viewers === 0) return rows;
  return [["each viewer", `${number(counts.bytes / viewers / seconds)} bytes/s`], ...rows];
}

function usageText({ cpuSeconds, residentBytes, httpRequests, relayCalls, seconds }: Usage, viewers: number): string {
  const each = ((cpuSeconds / seconds) * 1e6) / viewers;
  return [
    `${((cpuSeconds * 100) / seconds).toFixed(1)} % of a core${viewers > 0 ? `, ${number(each)} µs a second for each viewer` : ""}`,
    `${(residentBytes / 1e6).toFixed(0)} MB`,
    `${rate(httpRequests, seconds * 1_000)} HTTP requests`,
    ...(relayCalls > 0 ? [`${rate(relayCalls, seconds * 1_000)} calls from relays`] : []),
  ].join("; ");
}

function trialRows({ trials, knee, scenario }: BenchResult): string[][] {
  if (!scenario.findMax) return [];
  const lines = trials.map(({ rate, p99, failure }) => [
    "",
    `${number(rate)}/s: p99 ${ms(p99)}, ${failure ? `failed: ${failure}` : "passed"}`,
  ]);
  return [
    [
      "highest rate",
      knee === null ? "no rate passed" : `${number(knee)} writes/s with p99 under ${scenario.p99MsMax} ms`,
    ],
    ...lines,
  ];
}

export function verdictText({ verdict }: BenchResult): string {
  const { ok, clients, level, offline, pages, mismatches, mismatchCount, instancesDiffer, lostWrites, pending } =
    verdict;
  if (ok)
    return `${clients === 1 ? "the client matches" : `all ${clients} clients match`} the store on ${countOf(pages, "page")}; no acknowledged write was lost`;
  const faults = [
    clients === 0
      ? "no client was connected at the end"
      : `${level} of ${clients} clients ${level === 1 ? "matches" : "match"} the store`,
    ...(offline > 0
      ? [`${countOf(offline, "client was", "clients were")} not connected at the end and could not be compared`]
      : []),
    ...(instancesDiffer.length > 0
      ? [`instances differ on ${instancesDiffer.length === 1 ? "page" : "pages"} ${instancesDiffer.join(", ")}`]
      : []),
    ...(lostWrites > 0
      ? [`${countOf(lostWrites, "acknowledged write is", "acknowledged writes are")} not in the store`]
      : []),
    ...(pending > 0 ? [`${countOf(pending, "write")} got no answer`] : []),
    ...mismatches.slice(0, 3).map(mismatchText),
    ...(mismatchCount > 3 ? [`and ${countOf(mismatchCount - 3, "more difference")}`] : []),
  ];
  return `FAILED: ${faults.join("; ")}`;
}

function mismatchText({ kind, client, url, page, cells }: Mismatch): string {
  const name = `client ${client} at ${url}`;
  if (kind === "missing") return `${name} has not loaded page ${page}`;
  return `${name} differs from the store in ${countOf(cells, "cell")} of page ${page} (${kind})`;
}

function percentiles({ p50, p90, p99, p999, max, count }: Latency): string {
  if (count === 0) return "nothing measured";
  return `p50 ${ms(p50)}, p90 ${ms(p90)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)} (${number(count)} measured)`;
}

export function rate(count: number, loadMs: number): string {
  return `${number(count / (loadMs / 1_000 || 1))}/s`;
}

export function ms(value: number | null): string {
  if (value === null) return "-";
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function number(value: number): string {
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en-US") : value.toFixed(1);
}
