/* Bar charts as SVG for documents, one bar per system, on light and dark screens. */

import { escapeMarkup } from "../../src/bench/chart.js";
import { show } from "./outcome.js";

const WIDTH = 720;
const ROW = 26;
const TOP = 40;
const LABELS = 260;
const VALUES = 110;
const STYLE =
  "svg{font:12px system-ui,sans-serif;background:#fff;color:#1e293b}text{fill:currentColor}rect{fill:#94a3b8}.ours{fill:#2563eb}" +
  "@media(prefers-color-scheme:dark){svg{background:#0f172a;color:#e2e8f0}rect{fill:#64748b}.ours{fill:#60a5fa}}";

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly isOurs: boolean;
}

export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const height = TOP + bars.length * ROW + 10;
  const rows = bars.flatMap(({ label, value, isOurs }, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(1, Math.round((value / most) * (WIDTH - LABELS - VALUES) * 10) / 10);
    return [
      `<text x="${LABELS - 10}" y="${y + 14}" text-anchor="end">${escapeMarkup(label)}</text>`,
      `<rect${isOurs ? ' class="ours"' : ""} x="${LABELS}" y="${y + 2}" width="${width}" height="16" rx="3"/>`,
      `<text x="${LABELS + width + 8}" y="${y + 14}">${show(value)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeMarkup(title)}">`,
    `<style>${STYLE}</style>`,
    `<text x="10" y="22" font-size="15" font-weight="600">${escapeMarkup(title)}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}
