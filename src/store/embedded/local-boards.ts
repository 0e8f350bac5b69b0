/* The records of boards inside one process, on top of any table that can keep them. */

import { type BoardRecord, type BoardRecords, formatBoardRecord, parseBoardRecord } from "../boards.js";
import type { Unsubscribe } from "../listeners.js";

export interface BoardsParts {
  /** Name -> text of the record. */
  entries(): Iterable<readonly [name: string, text: string]>;
  get(name: string): string | undefined;
  /** Stores the text, or removes it if it is undefined. */
  put(name: string, text: string | undefined): void;
  read<Result>(action: () => Result): Promise<Result>;
  /** Runs the action as one atomic step. */
  atomically<Result>(action: () => Result): Promise<Result>;
}

/** The entry that stands for no board. It is there once any record was written. */
const WRITTEN = "";

export class LocalBoards implements BoardRecords {
  readonly #parts: BoardsParts;
  readonly #listeners = new Set<() => void>();

  constructor(parts: BoardsParts) {
    this.#parts = parts;
  }

  list(): Promise<ReadonlyMap<string, BoardRecord> | undefined> {
    return this.#parts.read(() => {
      const texts = new Map(this.#parts.entries());
      if (!texts.delete(WRITTEN)) return undefined;
      const records = new Map<string, BoardRecord>();
      for (const [name, text] of texts) {
        const record = parseBoardRecord(text);
        if (record) records.set(name, record);
      }
      return records;
    });
  }

  async change(name: string, before: BoardRecord | undefined, after: BoardRecord | undefined): Promise<boolean> {
    const [old, next] = [before && formatBoardRecord(before), after && formatBoardRecord(after)];
    const isChanged = await this.#parts.atomically(() => {
      if (this.#parts.get(name) !== old) return false;
      this.#parts.put(WRITTEN, "1");
      if (old !== next) this.#parts.put(name, next);
      return true;
    });
    if (isChanged && old !== next) for (const changed of [...this.#listeners]) changed();
    return isChanged;
  }

  async subscribe(changed: () => void): Promise<Unsubscribe> {
    // Wrapped, so that a function that subscribes twice is called twice.
    const listener = () => changed();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
