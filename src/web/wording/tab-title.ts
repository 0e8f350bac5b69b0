/*
 * The title of the browser's tab: the board, and how many of its boxes are checked. It changes once
 * a second at most, since browsers redraw their tabs for each change.
 */

import { useEffect, useMemo } from "preact/hooks";
import { type Cancel, type Clock, realClock } from "../../protocol/clock.js";
import { formatCount } from "../../protocol/count.js";

const EVERY_MS = 1_000;

export class TabTitle {
  readonly #clock: Clock;
  readonly #write: (title: string) => void;
  #latest = "";
  #written = "";
  #wait: Cancel | undefined;

  constructor(clock: Clock, write: (title: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  show(title: string): void {
    this.#latest = title;
    if (!this.#wait) this.#flush();
  }

  close(): void {
    this.#wait?.();
  }

  #flush(): void {
    this.#wait = undefined;
    if (this.#latest === this.#written) return;
    this.#written = this.#latest;
    this.#write(this.#latest);
    this.#wait = this.#clock.after(EVERY_MS, () => this.#flush());
  }
}

/** As the instance writes it into the document, with the count once that is known. */
export function titleOf(board: string, checked: number | undefined): string {
  const facts = checked === undefined ? [board] : [board, `${formatCount(checked)} checked`];
  return [...facts, "SocketScaler"].join(" · ");
}

export function useTabTitle(board: string, checked: number | undefined): void {
  const title = useMemo(
    () =>
      new TabTitle(realClock, (text) => {
        document.title = text;
      }),
    [],
  );
  useEffect(() => title.show(titleOf(board, checked)), [title, board, checked]);
  useEffect(() => () => title.close(), [title]);
}
