/* What a canvas in the page shows, pixel by pixel, and colours as the stylesheet means them. */

import type { Page } from "playwright-core";

/** Red, green and blue. */
export type Color = readonly [number, number, number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** In device pixels. */
export function sizeOf(page: Page, testId = "canvas"): Promise<Size> {
  return page.getByTestId(testId).evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement)) throw new Error("not a canvas");
    return { width: canvas.width, height: canvas.height };
  });
}

/**
 * The colours at these places, in device pixels. Both cross to the page and back as text: of many
 * thousand values, Playwright would encode each by itself.
 */
export async function colorsAt(
  page: Page,
  places: readonly (readonly [x: number, y: number])[],
  testId = "canvas",
): Promise<Color[]> {
  const packed = await page.getByTestId(testId).evaluate((canvas, text) => {
    if (!(canvas instanceof HTMLCanvasElement)) throw new Error("not a canvas");
    const { data, width } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {};
    if (!data || !width) throw new Error("an empty canvas");
    const places: [x: number, y: number][] = JSON.parse(text);
    const colors = places.map(([x, y]) => {
      const at = (Math.floor(y) * width + Math.floor(x)) * 4;
      return ((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
    });
    return colors.join(" ");
  }, JSON.stringify(places));
  const colors = packed === "" ? [] : packed.split(" ").map(Number);
  return colors.map((color) => [color >> 16, (color >> 8) & 255, color & 255]);
}

/** The colour that a name of the stylesheet has on the stage now. */
export async function styleColor(page: Page, name: string): Promise<Color> {
  const text = await page.getByTestId("stage").evaluate((stage, name) => {
    const probe = document.createElement("i");
    probe.style.setProperty("forced-color-adjust", "none");
    probe.style.color = `var(${name})`;
    stage.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }, name);
  const [red = 0, green = 0, blue = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

export function isNear(one: Color, other: Color, within = 2): boolean {
  return one.every((channel, index) => Math.abs(channel - (other[index] ?? 0)) <= within);
}

/** Of WCAG, 1 … 21. */
export function contrastOf(one: Color, other: Color): number {
  const [lighter = 0, darker = 0] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminanceOf(color: Color): number {
  const [red = 0, green = 0, blue = 0] = color.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** How far a colour is on the way from one to another: 0 … 1; undefined if it is not on it. */
export function shareBetween(from: Color, to: Color, color: Color): number | undefined {
  const way = to.map((channel, index) => channel - (from[index] ?? 0));
  const gone = color.map((channel, index) => channel - (from[index] ?? 0));
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  const share = dot(gone, way) / dot(way, way);
  const isOnIt = gone.every((channel, index) => Math.abs(channel - share * (way[index] ?? 0)) <= 2);
  return isOnIt ? share : undefined;
}
