/* A step as text: the scene, and both results side by side. */

import type { Outcome, Step } from "./step.js";

const WIDTH = 100;

export function heading({ title, scene }: Step): string {
  return `${title}\n\n${wrap(scene, WIDTH)}\n\n`;
}

export function table({ rows, naiveFault, ourFault }: Outcome, other = "naive"): string {
  const lines = [{ what: "", naive: other, ours: "SocketScaler" }, ...rows];
  const width = (read: (row: (typeof lines)[number]) => string) => Math.max(...lines.map((row) => read(row).length));
  const [first, second] = [width(({ what }) => what), width(({ naive }) => naive)];
  const [head = "", ...body] = lines.map(
    ({ what, naive, ours }) => `  ${what.padEnd(first)}   ${naive.padEnd(second)}   ${ours}`,
  );
  const rule = `  ${"─".repeat(first)}   ${"─".repeat(second)}   ${"─".repeat(width(({ ours }) => ours))}`;
  const naive = naiveFault === undefined ? "✓ no failure this time" : `✗ ${naiveFault}`;
  const ours = ourFault === undefined ? "✓ correct" : `✗ ${ourFault}`;
  return [head, rule, ...body, "", `  ${other}: ${naive}`, `  SocketScaler: ${ours}`, ""].join("\n");
}

function wrap(text: string, width: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `  ${line}`).join("\n");
}
