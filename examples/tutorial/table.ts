/* A step as text: the scene, and both results side by side. */

import { wrapWords } from "../../src/protocol/wrap.js";
import type { Outcome, Step } from "./step.js";

const WIDTH = 100;

export function heading({ title, scene }: Step): string {
  return `${title}\n\n${wrap(scene, WIDTH)}\n\n`;
}

/** `side` names the server beside ours. */
export function table({ rows, naiveFault, ourFault }: Outcome, side = "naive"): string {
  const lines = [{ what: "", naive: side, ours: "SocketScaler" }, ...rows];
  const width = (read: (row: (typeof lines)[number]) => string) => Math.max(...lines.map((row) => read(row).length));
  const [first, second] = [width(({ what }) => what), width(({ naive }) => naive)];
  const [head = "", ...body] = lines.map(
    ({ what, naive, ours }) => `  ${what.padEnd(first)}   ${naive.padEnd(second)}   ${ours}`,
  );
  const rule = `  ${"─".repeat(first)}   ${"─".repeat(second)}   ${"─".repeat(width(({ ours }) => ours))}`;
  const naive =
    naiveFault === undefined ? (side === "yours" ? "✓ passed" : "✓ no failure this time") : `✗ ${naiveFault}`;
  const ours = ourFault === undefined ? "✓ correct" : `✗ ${ourFault}`;
  return [head, rule, ...body, "", `  ${side}: ${naive}`, `  SocketScaler: ${ours}`, ""].join("\n");
}

function wrap(text: string, width: number): string {
  return wrapWords(text, width)
    .map((line) => `  ${line}`)
    .join("\n");
}
