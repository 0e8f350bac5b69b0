/*
 * The colours of the canvas: those of the stylesheet as they are resolved now, so that themes and
 * system colours apply here too. A ramp runs from empty to full.
 */

import { contextOf } from "./context.js";

export interface Palette extends Readonly<ReturnType<typeof readColors>> {
  /** `steps + 1` colours as ImageData holds them. With `power` below 1, low values look higher. */
  ramp(steps: number, power: number): Uint32Array;
  readonly unknown: number;
  /** Whether what is checked is somebody else's, except for the user's own: see `own.ts`. */
  readonly hasOwners: boolean;
}

export function readPalette(canvas: HTMLCanvasElement, hasOwners: boolean): Palette {
  const colors = readColors(canvas, hasOwners);
  const [empty, full] = [channelsOf(colors.cell), channelsOf(colors.accent)];
  return {
    ...colors,
    hasOwners,
    unknown: pack(channelsOf(colors.line)),
    ramp: (steps, power) =>
      Uint32Array.from({ length: steps + 1 }, (_, step) => {
        const share = (step / steps) ** power;
        return pack(empty.map((channel, index) => channel + ((full[index] ?? 0) - channel) * share));
      }),
  };
}

function readColors(canvas: HTMLCanvasElement, hasOwners: boolean) {
  const style = getComputedStyle(canvas);
  const read = (name: string) => resolved(canvas, style.getPropertyValue(name).trim());
  return {
    ground: read("--surface"),
    cell: read("--cell"),
    cellLine: read("--cell-line"),
    line: read("--line"),
    accent: read(hasOwners ? "--taken" : "--accent"),
    accentStrong: read("--accent-strong"),
    onAccent: read(hasOwners ? "--text" : "--on-accent"),
    text: read("--text"),
    textSoft: read("--text-soft"),
    flash: read("--flash"),
    focus: read("--focus"),
    bad: read("--bad"),
    waiting: read("--waiting"),
    frozen: read("--frozen"),
    own: read("--accent"),
    onOwn: read("--on-accent"),
    takenGround: read("--taken-ground"),
  };
}

/**
 * The colour that a keyword such as Canvas or Highlight stands for in the document. An
 * OffscreenCanvas knows neither the document's colour scheme nor the system's colours.
 */
function resolved(canvas: HTMLCanvasElement, color: string): string {
  const context = contextOf(canvas);
  // An invalid colour leaves it unchanged.
  context.fillStyle = "gray";
  context.fillStyle = color;
  return String(context.fillStyle);
}

function channelsOf(color: string): readonly number[] {
  const context = contextOf(new OffscreenCanvas(1, 1));
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function pack([red = 0, green = 0, blue = 0]: readonly number[]): number {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
