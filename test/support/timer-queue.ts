/* Timers by due time, those of one moment in the order they were set: a binary heap. */

export interface Timer {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once cancelled: it stays in the heap until its time. */
  run: (() => void) | undefined;
}

export class TimerQueue {
  readonly #heap: Timer[] = [];

  push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above];
      if (!parent || !isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  /** The next timer that is due by `byMs`, taken out; undefined if there is none. */
  take(byMs: number): Timer | undefined {
    for (let first = this.#heap[0]; first && first.atMs <= byMs; first = this.#heap[0]) {
      this.#removeFirst();
      if (first.run) return first;
    }
    return undefined;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (!moved || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!child || !isBefore(child, moved)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = moved;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
