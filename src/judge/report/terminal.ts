/* The score card as text, and the announcement before a run. */

import { countOf } from "../../protocol/count.js";
import { wrapWords } from "../../protocol/wrap.js";
import { CHECKS, STEP_TITLES } from "../findings/checks.js";
import type { Finding, Verdict } from "../findings/findings.js";
import { CELLS_TOUCHED_MAX, CLIENTS_MAX } from "../hearing/hearing.js";
import type { Restored } from "../hearing/restore.js";
import type { JudgeResult } from "./result.js";

const WIDTH = 96;
const INDENT = "      ";
const SIGNS: Readonly<Record<Verdict, string>> = { passed: "✓", failed: "✗", "not observed": "–" };

/** Says what a run will do to the board, before it is done. */
export function announcement(urls: readonly string[], isHostile: boolean): string {
  const lines = [
    `The judge clicks up to ${CELLS_TOUCHED_MAX} boxes at ${urls.join(", ")}, a few hundred times within 30 s,`,
    `through up to ${CLIENTS_MAX} connections. It then gives the boxes their old values, as far as it can.`,
    ...(isHostile
      ? ["With --hostile it also sends some small messages that are not clicks. A weak server may crash or lose boxes."]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}

export function scoreCard(result: JudgeResult): string {
  const { findings, urls, adapter, boxes } = result;
  const head = `  ${urls.join(", ")}\n  ${adapter}, ${countOf(boxes, "box", "boxes")}`;
  const cards = findings.map(card);
  const notes = notesOn(result).flatMap((note) => wrap(note, "  "));
  return ["", head, "", ...cards, "", ...notes, "", `  ${summary(findings)}`, ""].join("\n");
}

export function summary(findings: readonly Finding[]): string {
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  return `${count("failed")} failed, ${count("passed")} passed, ${count("not observed")} not observed`;
}

export function isWrong({ findings }: JudgeResult): boolean {
  return findings.some(({ verdict }) => verdict === "failed");
}

export function stepText(step: number): string {
  return `Tutorial step ${step}, "${STEP_TITLES[step - 1]}": npm run tutorial ${step}`;
}

export function notesOn({ restored, foreign, seenMs, seconds }: JudgeResult): string[] {
  return [
    `A click took up to ${seenMs.toFixed(0)} ms to reach all other clients. The run took ${seconds.toFixed(0)} s.`,
    restoredText(restored),
    ...(foreign > 0
      ? [
          `Somebody else changed other boxes ${countOf(foreign, "time")} during the run, which may explain some findings. Judge a copy that nobody else uses.`,
        ]
      : []),
  ];
}

export function restoredText({ touched, left }: Restored): string {
  const boxes = countOf(touched, "box", "boxes");
  if (left === undefined) return `The judge clicked ${boxes} and could not check whether they have their old values.`;
  if (left > 0) {
    const changed = countOf(left, "box does not have its old value", "boxes do not have their old values");
    return `The judge clicked ${boxes}. ${changed}.`;
  }
  return `The judge clicked ${boxes}, and all have their old values again.`;
}

function card({ check, title, verdict, observed, step }: Finding): string {
  const head = `  ${SIGNS[verdict]} ${title}`;
  const more = verdict === "failed" ? [CHECKS[check].meaning, stepText(step)] : [];
  return [head, ...[observed, ...more].flatMap((text) => wrap(text, INDENT))].join("\n");
}

function wrap(text: string, indent: string): string[] {
  return wrapWords(text, WIDTH - indent.length).map((line) => indent + line);
}
