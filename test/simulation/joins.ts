/* Which pages one client has joined on its present connection, as its requests and their answers tell. */

export class Joins {
  /** page -> requests about it without an answer. */
  readonly #open = new Map<number, number>();
  /** page -> which join it is, counted up over all. */
  readonly #joined = new Map<number, number>();
  #count = 0;

  asked(page: number): void {
    this.#open.set(page, (this.#open.get(page) ?? 0) + 1);
    this.#joined.delete(page);
  }

  answered(page: number, request: string, succeeded: boolean): void {
    const open = (this.#open.get(page) ?? 1) - 1;
    this.#open.set(page, open);
    if (open === 0 && request === "watch" && succeeded) this.#joined.set(page, ++this.#count);
  }

  has(page: number): boolean {
    return this.#joined.has(page);
  }

  /** Tells one join of the page from another; undefined while it is not joined. */
  of(page: number): number | undefined {
    return this.#joined.get(page);
  }

  clear(): void {
    this.#open.clear();
    this.#joined.clear();
  }
}
