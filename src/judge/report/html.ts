/* A run as an HTML page to share. All text is escaped: some comes from the judged server. */

import { escapeMarkup } from "../../bench/chart.js";
import { factTable, notice, reportPage, type Tone, tiles } from "../../bench/report-page.js";
import { CHECKS } from "../findings/checks.js";
import type { Finding, Verdict } from "../findings/findings.js";
import type { JudgeResult } from "./result.js";
import { isWrong, notesOn, stepText, summary } from "./terminal.js";

const STYLE = `
.findings{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:var(--space-3);margin:0;padding:0;list-style:none}
.findings>li{display:flex;flex-direction:column;gap:var(--space-2);padding:var(--space-4);border:1px solid var(--line);border-radius:var(--radius);background:var(--surface);box-shadow:var(--shadow);overflow-wrap:anywhere}
.findings h2{display:flex;flex-wrap:wrap;justify-content:space-between;gap:var(--space-2);font-size:var(--type-title);line-height:1.5rem}
.findings .meaning,.findings .step{color:var(--text-soft);font-size:var(--type-small)}
.pill[data-tone="none"]{--tone:var(--control);background:var(--taken-ground);color:var(--text)}
th,td{text-align:left;vertical-align:top}td{white-space:normal;overflow-wrap:anywhere}`;

const TONES: Readonly<Record<Verdict, Tone | "none">> = { passed: "good", failed: "bad", "not observed": "none" };
/** Failures first: a reader looks for them. */
const ORDER: readonly Verdict[] = ["failed", "passed", "not observed"];

export function judgePage(result: JudgeResult): string {
  const { urls, findings, boxes, seenMs, adapter, startedAt, isHostile, requests } = result;
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const sorted = ORDER.flatMap((verdict) => findings.filter((finding) => finding.verdict === verdict));
  const [sentence = "", ...notes] = notesOn(result);
  const content = [
    notice(isWrong(result) ? "bad" : "good", verdictText(findings)),
    ...notes.map((note) => notice("waiting", note)),
    tiles([
      ["failed", String(count("failed"))],
      ["passed", String(count("passed"))],
      ["not observed", String(count("not observed"))],
      ["click to all other clients", `${seenMs.toFixed(0)} ms`],
    ]),
    `<ul class="findings">\n${sorted.map(card).join("\n")}\n</ul>`,
    factTable([
      ["judged", urls.join(", ")],
      ["protocol", adapter],
      ["boxes", String(boxes)],
      ["hostile messages", isHostile ? "sent" : "not sent"],
      ["HTTP requests", String(requests)],
      ["pace", sentence],
      ["started", startedAt],
    ]),
  ].join("\n");
  const about = urls.join(", ");
  return reportPage({ title: `Judge · ${about}`, name: "Judge", about, style: STYLE, content });
}

function verdictText(findings: readonly Finding[]): string {
  const failed = findings.filter(({ verdict }) => verdict === "failed");
  if (failed.length === 0) return `Nothing wrong was observed: ${summary(findings)}.`;
  return `${failed.map(({ title }) => title).join(" · ")}: ${summary(findings)}.`;
}

function card({ check, title, verdict, observed, step }: Finding): string {
  const lines = [
    `<h2>${escapeMarkup(title)} <span class="pill" data-tone="${TONES[verdict]}">${verdict}</span></h2>`,
    `<p>${escapeMarkup(observed)}</p>`,
    ...(verdict === "failed" ? [`<p class="meaning">${escapeMarkup(CHECKS[check].meaning)}</p>`] : []),
    `<p class="step">${escapeMarkup(stepText(step))}</p>`,
  ];
  return `<li>${lines.join("\n")}</li>`;
}
