/*
 * Draws at most once per frame of the screen, and only on request. It also draws once a second by
 * itself, for everything that changes with time.
 */

const HOUSEKEEPING_MS = 1_000;

export class Frames {
  readonly #draw: (nowMs: number) => void;
  readonly #housekeeping = setInterval(() => this.request(), HOUSEKEEPING_MS);
  #frame: number | undefined;
  #hasDrawn = false;

  constructor(draw: (nowMs: number) => void) {
    this.#draw = draw;
  }

  request(): void {
    this.#frame ??= requestAnimationFrame((nowMs) => this.#now(nowMs));
  }

  /** Draws the lost picture immediately. The first one waits for its frame. */
  again(): void {
    if (this.#hasDrawn) this.#now(performance.now());
    else this.request();
  }

  close(): void {
    clearInterval(this.#housekeeping);
    this.#cancel();
  }

  #now(nowMs: number): void {
    this.#cancel();
    this.#hasDrawn = true;
    this.#draw(nowMs);
  }

  #cancel(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
  }
}
