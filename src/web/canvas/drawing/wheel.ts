/*
 * The meaning of a turn of the wheel. A browser does not say whether a mouse or a trackpad sent it,
 * so the first event after a pause decides. Pure.
 *
 *     mouse       zoom; with Shift a pan sideways
 *     trackpad    a pan in both directions
 *     with Ctrl   zoom; a trackpad's pinch arrives in this way
 *
 * A mouse turns in notches: large steps, lines, or on macOS multiples of one fraction. A trackpad
 * begins with a few pixels. A wheel without notches looks like a trackpad, so it pans.
 */

type Turn = Pick<WheelEvent, "deltaX" | "deltaY" | "deltaMode" | "shiftKey" | "ctrlKey" | "timeStamp">;

export type WheelMove =
  | { readonly kind: "pan"; readonly dx: number; readonly dy: number }
  | { readonly kind: "zoom"; readonly factor: number };

const PIXELS = 0;
const LINE_PX = 16;
const PAUSE_MS = 200;
const NOTCH_PX_MIN = 50;
/** A mouse on macOS accelerates in multiples of this step. */
const MACOS_NOTCH_PX = 4.000244140625;
const WHEEL_RATE = 0.0018;
const PINCH_RATE = 0.012;

export class Wheel {
  #lastMs = Number.NEGATIVE_INFINITY;
  #isMouse = false;

  read(turn: Turn): WheelMove {
    const unit = turn.deltaMode === PIXELS ? 1 : LINE_PX;
    const [dx, dy] = [turn.deltaX * unit, turn.deltaY * unit];
    if (turn.timeStamp - this.#lastMs > PAUSE_MS) this.#isMouse = isNotch(turn);
    // A mouse has one wheel.
    else if (dx !== 0 && dy !== 0) this.#isMouse = false;
    this.#lastMs = turn.timeStamp;
    if (turn.ctrlKey) return { kind: "zoom", factor: Math.exp(-dy * (this.#isMouse ? WHEEL_RATE : PINCH_RATE)) };
    if (turn.shiftKey && this.#isMouse) return { kind: "pan", dx: dx || dy, dy: 0 };
    if (this.#isMouse && dx === 0) return { kind: "zoom", factor: Math.exp(-dy * WHEEL_RATE) };
    return { kind: "pan", dx, dy };
  }
}

function isNotch({ deltaX, deltaY, deltaMode, shiftKey }: Turn): boolean {
  if (deltaMode !== PIXELS) return true;
  // Some browsers turn a wheel with Shift sideways by themselves.
  const along = shiftKey ? deltaX || deltaY : deltaY;
  if (!shiftKey && deltaX !== 0) return false;
  return Math.abs(along) >= NOTCH_PX_MIN || (along !== 0 && along % MACOS_NOTCH_PX === 0);
}
