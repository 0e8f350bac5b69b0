/*
 * Bar charts as SVG for documents, one bar per system. They have the colours and the type of the
 * app in both schemes. The style has values, not variables, because some viewers know no variables.
 */

import { readTheme, type Theme } from "../../scripts/theme.js";
import { escapeMarkup } from "../../src/bench/chart.js";
import { show } from "./outcome.js";

const WIDTH = 720;
const ROW = 26;
const TOP = 40;
const LABELS = 260;
const VALUES = 110;
const { light, dark } = readTheme();
const STYLE = [
  `svg{font:13px ${light.get("--font")};font-variant-numeric:tabular-nums}`,
  `text{fill:currentColor}.title{font-size:15px;font-weight:680}.group{font-weight:600}${colours(light)}`,
  `@media(prefers-color-scheme:dark){${colours(dark)}}`,
].join("");

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly isOurs: boolean;
  /** The bars of a group stand under its name. */
  readonly group: string;
}

export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  let y = TOP;
  const rows = bars.flatMap(({ label, value, isOurs, group }, index) => {
    const width = Math.max(1, Math.round((value / most) * (WIDTH - LABELS - VALUES) * 10) / 10);
    const head = group === (bars[index - 1]?.group ?? "") ? [] : [text(LABELS, y + 14, group, 'class="group"')];
    if (head.length > 0) y += ROW;
    const bar = [
      ...head,
      text(LABELS - 10, y + 14, label, 'text-anchor="end"'),
      `<rect${isOurs ? ' class="ours"' : ""} x="${LABELS}" y="${y + 2}" width="${width}" height="16" rx="3"/>`,
      text(LABELS + width + 8, y + 14, show(value)),
    ];
    y += ROW;
    return bar;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 10}" role="img" aria-label="${escapeMarkup(title)}">`,
    `<style>${STYLE}</style>`,
    text(10, 22, title, 'class="title"'),
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes?: string): string {
  return `<text x="${x}" y="${y}"${attributes ? ` ${attributes}` : ""}>${escapeMarkup(content)}</text>`;
}

function colours(theme: Theme): string {
  const [ground, ink, bar, ours] = ["--surface", "--text", "--control", "--accent"].map((name) => theme.get(name));
  return `svg{background:${ground};color:${ink}}rect{fill:${bar}}.ours{fill:${ours}}`;
}
