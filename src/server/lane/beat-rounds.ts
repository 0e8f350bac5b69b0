/*
 * The beats of all connections, a part of them at a time. A beat that is due waits for a few ticks,
 * so that the next message takes it along, which saves a write of its own:
 *
 *     tick         1      2      3      4      5 …
 *     part 1      due                 alone
 *     part 2             due                 alone
 */

/** A connection as far as its beats go. */
export interface Beating {
  /** A beat is due, and the next message takes it along. */
  beat(): void;
  /** Sends the beat if no message has taken it along. False if the client must be gone. */
  beatAlone(): boolean;
}

const PARTS = 20;
const ALONG = 3;
/** Two beats to a connection are at most this many ticks apart. */
export const TICKS_MAX = PARTS + ALONG;

export class BeatRounds<Connection extends Beating> {
  readonly #parts = Array.from({ length: PARTS }, () => new Set<Connection>());
  #made = 0;
  #next = 0;

  add(connection: Connection): void {
    this.#parts[this.#made++ % PARTS]?.add(connection);
  }

  delete(connection: Connection): void {
    for (const part of this.#parts) part.delete(connection);
  }

  /** Returns the connections whose clients must be gone. */
  tick(): Connection[] {
    const gone: Connection[] = [];
    for (const connection of this.#part(this.#next - ALONG)) if (!connection.beatAlone()) gone.push(connection);
    for (const connection of this.#part(this.#next)) connection.beat();
    this.#next++;
    return gone;
  }

  *[Symbol.iterator](): Iterator<Connection> {
    for (const part of this.#parts) yield* part;
  }

  #part(number: number): Iterable<Connection> {
    return this.#parts[(number + PARTS) % PARTS] ?? [];
  }
}
