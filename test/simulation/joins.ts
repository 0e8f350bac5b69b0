/*
 * Which pages one client has joined on its present connection, as its requests and their answers tell. From the request on
 * that asks for a page and nothing else, the instance knows where the client stands, and each delta has to fit there.
 */

export class Joins {
  /** page -> requests about it without an answer. */
  readonly #open = new Map<number, number>();
  /** Pages of which the last request was a watch. */
  readonly #followed = new Set<number>();
  /** page -> which join it is, counted up over all. */
  readonly #joined = new Map<number, number>();
  #count = 0;

  asked(page: number, request: string): void {
    const open = this.#open.get(page) ?? 0;
    this.#open.set(page, open + 1);
    this.#joined.delete(page);
    if (request === "watch") this.#followed.add(page);
    else this.#followed.delete(page);
  }

  answered(page: number, request: string, succeeded: boolean): void {
    if (!succeeded) this.#followed.delete(page);
    const open = (this.#open.get(page) ?? 1) - 1;
    this.#open.set(page, open);
    if (open === 0 && request === "watch" && succeeded) this.#joined.set(page, ++this.#count);
  }

  isFollowed(page: number): boolean {
    return this.#followed.has(page);
  }

  /** Tells one join of the page from another; undefined while it is not joined. */
  of(page: number): number | undefined {
    return this.#joined.get(page);
  }

  clear(): void {
    this.#open.clear();
    this.#joined.clear();
    this.#followed.clear();
  }
}
