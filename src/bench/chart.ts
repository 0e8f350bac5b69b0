/* Line charts as SVG, in the colours of the page that they are a part of (html.ts). */

export interface Series {
  readonly name: string;
  /** In ascending order of x; a y of null makes a gap. */
  readonly points: readonly { readonly x: number; readonly y: number | null }[];
}

interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** A horizontal line with a name. */
  readonly bound?: { readonly name: string; readonly y: number };
}

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 64;
const RIGHT = 16;
const TOP = 56;
const BOTTOM = 44;
const TICKS = 5;
const COLOURS = ["var(--accent)", "var(--waiting)", "var(--frozen)"];

export function lineChart({ title, xLabel, yLabel, series, bound }: Chart): string {
  const all = series.flatMap(({ points }) => points);
  const xs = all.map(({ x }) => x);
  const xMin = xs.length > 0 ? Math.min(...xs) : 0;
  const xMax = Math.max(xMin + 1e-9, ...xs);
  const step = niceStep(Math.max(1e-9, bound?.y ?? 0, ...all.map(({ y }) => y ?? 0)) / TICKS);
  const yMax = step * Math.ceil(Math.max(step, bound?.y ?? 0, ...all.map(({ y }) => y ?? 0)) / step);
  const atX = (x: number) => round(LEFT + ((x - xMin) / (xMax - xMin)) * (WIDTH - LEFT - RIGHT));
  const atY = (y: number) => round(HEIGHT - BOTTOM - (y / yMax) * (HEIGHT - TOP - BOTTOM));

  const parts: string[] = [];
  for (let y = 0; y <= yMax + step / 2; y += step) {
    parts.push(`<line stroke="var(--line)" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${atY(y)}" y2="${atY(y)}"/>`);
    parts.push(label(LEFT - 8, atY(y) + 4, "end", short(y)));
  }
  const xStep = niceStep((xMax - xMin) / TICKS);
  for (let x = Math.ceil(xMin / xStep) * xStep; x <= xMax + xStep * 1e-6; x += xStep) {
    parts.push(label(atX(x), HEIGHT - BOTTOM + 18, "middle", short(x)));
  }
  if (bound) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${atY(bound.y)}" y2="${atY(bound.y)}" stroke="var(--bad)" stroke-dasharray="6 4"/>`,
    );
    parts.push(label(WIDTH - RIGHT, atY(bound.y) - 6, "end", bound.name));
  }
  for (const [index, { name, points }] of series.entries()) {
    const colour = COLOURS[index % COLOURS.length] ?? "";
    for (const run of unbroken(points)) {
      const line = run.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(" ");
      parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${line}"/>`);
      for (const { x, y } of run) {
        const dot = `<circle cx="${atX(x)}" cy="${atY(y)}" r="2.5" fill="${colour}">`;
        parts.push(`${dot}<title>${escapeMarkup(name)}: ${short(y)} at ${short(x)}</title></circle>`);
      }
    }
    const x = LEFT + index * 160;
    parts.push(`<rect x="${x}" y="34" width="12" height="4" fill="${colour}"/>`, label(x + 18, 40, "start", name));
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" class="chart" role="img" aria-label="${escapeMarkup(title)}">`,
    `<text x="${LEFT}" y="20" class="chart-title">${escapeMarkup(title)}</text>`,
    label(WIDTH - RIGHT, 20, "end", yLabel),
    label(WIDTH - RIGHT, HEIGHT - 8, "end", xLabel),
    ...parts,
    "</svg>",
  ].join("\n");
}

export function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function label(x: number, y: number, anchor: "start" | "middle" | "end", text: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeMarkup(text)}</text>`;
}

function unbroken(points: Series["points"]): { x: number; y: number }[][] {
  const runs: { x: number; y: number }[][] = [[]];
  for (const { x, y } of points) {
    if (y === null) runs.push([]);
    else runs.at(-1)?.push({ x, y });
  }
  return runs.filter((run) => run.length > 0);
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= least * 0.999) ?? 10) * power;
}

function short(value: number): string {
  if (Math.abs(value) >= 1_000_000) return `${trim(value / 1_000_000)}M`;
  if (Math.abs(value) >= 10_000) return `${trim(value / 1_000)}k`;
  return trim(value);
}

function trim(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
