/*
 * The steps of the tutorial, read from docs/tutorial.md, which is their only text. A step has a
 * question with its possible answers, and says afterwards which is right:
 *
 *     ## 2. The lost update
 *     …                                   shown at once
 *     **Question.** … and a list          to answer before the button
 *     **Answer.** one of the list. …      shown afterwards, with all that follows
 *     **Exercise.** …                     a task in code
 */

import type { LabOrder, NaiveKind } from "../../protocol/lab.js";

export interface Step {
  readonly number: number;
  readonly title: string;
  readonly before: readonly string[];
  readonly question: string;
  readonly options: readonly string[];
  readonly right: number;
  readonly after: readonly string[];
  readonly exercise: string;
  readonly naive: NaiveKind;
  /** Sent by the step's button, after the naive servers have started. */
  readonly order: LabOrder;
  readonly button: string;
}

const SCENES: readonly Pick<Step, "naive" | "order" | "button">[] = [
  { naive: "island", order: { action: "click", target: 1 }, button: "Click a box in browser 1" },
  { naive: "json-array", order: { action: "storm" }, button: "Let everybody click at the same moment" },
  { naive: "bitmap", order: { action: "join", target: 2 }, button: "Let browser 2 join during a click" },
  { naive: "bitmap", order: { action: "lose", target: 2 }, button: "Lose one message to instance 2" },
  { naive: "bitmap", order: { action: "storm" }, button: "Let everybody click at the same moment" },
  { naive: "version-number", order: { action: "promote" }, button: "Promote a replica that lacks the last writes" },
];

/** Throws if a step lacks a part: the build's test calls it. */
export function readSteps(document: string): Step[] {
  const sections = document.split(/^## (?=\d+\. )/m).slice(1);
  return sections.map((section, index) => {
    const [heading = "", ...rest] = section.split(/^## /m)[0]?.split("\n") ?? [];
    const blocks = blocksOf(rest.join("\n"));
    const at = (mark: string) => blocks.findIndex((block) => block.startsWith(`**${mark}.**`));
    const [asked, answered, exercised] = [at("Question"), at("Answer"), at("Exercise")];
    const scene = SCENES[index];
    const options = (blocks[asked + 1] ?? "")
      .split(/^- /m)
      .map((option) => option.trim().replaceAll(/\s+/g, " "))
      .filter((option) => option !== "");
    const answer = (blocks[answered] ?? "").replace(/^\*\*Answer\.\*\*\s*/, "").replaceAll(/\s+/g, " ");
    const right = options.findIndex((option) => answer.toLowerCase().startsWith(option.toLowerCase()));
    if (!scene || asked < 0 || answered !== asked + 2 || exercised < answered || right < 0 || options.length < 3) {
      throw new Error(`docs/tutorial.md: step ${index + 1} needs a question, its answers and an exercise`);
    }
    return {
      number: index + 1,
      title: heading.replace(/^\d+\. /, ""),
      // The command of the terminal is not needed here.
      before: blocks.slice(0, asked).filter((block) => !/^ {4}npm run tutorial \d$/.test(block)),
      question: (blocks[asked] ?? "").replace(/^\*\*Question\.\*\*\s*/, ""),
      options,
      right,
      after: blocks.slice(answered).filter((_, offset) => answered + offset !== exercised),
      exercise: (blocks[exercised] ?? "").replace(/^\*\*Exercise\.\*\*\s*/, "").replaceAll(/\s+/g, " "),
      ...scene,
    };
  });
}

/** Paragraphs, lists and blocks of code; a blank line within code does not end it. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  for (const block of text.replace(/^\n+/, "").split(/\n{2,}/)) {
    const last = blocks.at(-1);
    if (block.startsWith("    ") && last?.startsWith("    ")) blocks[blocks.length - 1] = `${last}\n\n${block}`;
    else if (block.trim() !== "") blocks.push(block.trimEnd());
  }
  return blocks;
}
