/* Where the parts of a side are drawn, in units of the drawing. */

export const WIDTH = 360;
export const HEIGHT = 352;
export const BROWSER = { width: 82, height: 108, top: 4, cell: 8.5 };
export const INSTANCE = { width: 82, height: 46, top: 172 };
export const SERVER = { width: 124, height: 46, top: 296 };

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The middle of the column of browser and instance `number`, from 1. */
export function columnOf(number: number): number {
  return 45 + (number - 1) * 90;
}

export const PRIMARY_X = 110;
export const REPLICA_X = 284;

/** Where messages start and end at a part: `ours.browser.1`, `valkey.a`. */
export function placeOf(part: string, primary: string): Place {
  const [side, kind, number] = part.split(".");
  if (side === "valkey") return { x: kind === primary ? PRIMARY_X : REPLICA_X, y: SERVER.top + 4 };
  if (kind === "browser") return { x: columnOf(Number(number)), y: BROWSER.top + BROWSER.height };
  return { x: columnOf(Number(number)), y: INSTANCE.top + INSTANCE.height / 2 };
}
