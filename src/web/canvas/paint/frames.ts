/*
 * Draws at most once per frame of the screen, and only on request. It also draws once a second by
 * itself, for everything that changes with time.
 *
 * The user's own actions are drawn in the next frame. Everything else, such as changes of other
 * people, waits as long as the frame before took, from its script to its painting. So on a slow
 * computer half of the time remains for the user's next click or key.
 */

const HOUSEKEEPING_MS = 1_000;
const REST_MS_MAX = 100;

export class Frames {
  readonly #draw: (nowMs: number) => void;
  readonly #housekeeping = setInterval(() => this.soon(), HOUSEKEEPING_MS);
  #frame: number | undefined;
  /** Set while a frame is completed, and for as long afterwards. */
  #rest: ReturnType<typeof setTimeout> | undefined;
  #isWanted = false;
  #hasDrawn = false;

  constructor(draw: (nowMs: number) => void) {
    this.#draw = draw;
  }

  /** Draws in the next frame. */
  request(): void {
    this.#frame ??= requestAnimationFrame((nowMs) => this.#now(nowMs));
  }

  /** Draws once the main thread has rested. */
  soon(): void {
    if (this.#rest === undefined) this.request();
    else this.#isWanted = true;
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
    const startMs = performance.now();
    // The browser runs it after the frame: after style, layout and painting too.
    this.#rest = setTimeout(() => {
      this.#rest = setTimeout(() => this.#rested(), Math.min(REST_MS_MAX, performance.now() - startMs));
    }, 0);
    this.#draw(nowMs);
  }

  #rested(): void {
    this.#rest = undefined;
    if (this.#isWanted) this.request();
  }

  #cancel(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#isWanted = false;
  }
}
