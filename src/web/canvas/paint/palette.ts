/*
 * The colours of the canvas: those of the stylesheet, as they are resolved now, so that themes and the system's own colours
 * hold here too. A ramp is a run of colours from a cell that is empty to one that is full, for places that stand for many.
 */

import { contextOf } from "./context.js";

const NAMES = {
  ground: "--surface",
  cell: "--cell",
  cellLine: "--cell-line",
  line: "--line",
  accent: "--accent",
  accentStrong: "--accent-strong",
  onAccent: "--on-accent",
  text: "--text",
  textSoft: "--text-soft",
  flash: "--flash",
  focus: "--focus",
  bad: "--bad",
  waiting: "--waiting",
  frozen: "--frozen",
} as const;

export type ColorName = keyof typeof NAMES;

export interface Palette extends Readonly<Record<ColorName, string>> {
  /** `steps + 1` colours as ImageData holds them. `power` below 1 shows little as more than it is. */
  ramp(steps: number, power: number): Uint32Array;
  /** What is not known. */
  readonly unknown: number;
}

export function readPalette(canvas: HTMLCanvasElement): Palette {
  const style = getComputedStyle(canvas);
  const read = (name: ColorName) => resolved(canvas, style.getPropertyValue(NAMES[name]).trim());
  const colors: Record<ColorName, string> = {
    ground: read("ground"),
    cell: read("cell"),
    cellLine: read("cellLine"),
    line: read("line"),
    accent: read("accent"),
    accentStrong: read("accentStrong"),
    onAccent: read("onAccent"),
    text: read("text"),
    textSoft: read("textSoft"),
    flash: read("flash"),
    focus: read("focus"),
    bad: read("bad"),
    waiting: read("waiting"),
    frozen: read("frozen"),
  };
  const [empty, full] = [channelsOf(colors.cell), channelsOf(colors.accent)];
  return {
    ...colors,
    unknown: pack(channelsOf(colors.line)),
    ramp: (steps, power) =>
      Uint32Array.from({ length: steps + 1 }, (_, step) => {
        const share = (step / steps) ** power;
        return pack(empty.map((channel, index) => channel + ((full[index] ?? 0) - channel) * share));
      }),
  };
}

/**
 * The colour that a keyword such as Canvas or Highlight stands for in the page. An OffscreenCanvas, on which most is drawn,
 * knows neither the page's scheme nor the system's colours, and takes the keywords for others.
 */
function resolved(canvas: HTMLCanvasElement, color: string): string {
  const context = contextOf(canvas);
  // What is no colour leaves it as it is.
  context.fillStyle = "gray";
  context.fillStyle = color;
  return String(context.fillStyle);
}

/** Red, green and blue of a CSS colour. */
function channelsOf(color: string): readonly number[] {
  const context = contextOf(new OffscreenCanvas(1, 1));
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function pack([red = 0, green = 0, blue = 0]: readonly number[]): number {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
