/*
 * Draws at most once per frame of the screen, and only on request. It also draws once a second by
 * itself, for everything that changes with time.
 */

const HOUSEKEEPING_MS = 1_000;

export class Frames {
  readonly #draw: (nowMs: number) => void;
  readonly #housekeeping = setInterval(() => this.request(), HOUSEKEEPING_MS);
  #frame: number | undefined;

  constructor(draw: (nowMs: number) => void) {
    this.#draw = draw;
  }

  request(): void {
    this.#frame ??= requestAnimationFrame((nowMs) => this.now(nowMs));
  }

  now(nowMs = performance.now()): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#draw(nowMs);
  }

  close(): void {
    clearInterval(this.#housekeeping);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }
}
