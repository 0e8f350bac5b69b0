/* The pieces of something that is not complete, joined once for all when enough of it has come. */

export class KeptPieces {
  readonly #pieces: Buffer[];
  readonly #needed: number;
  #bytes: number;

  /** `needed` is the least number of bytes that it can have. */
  constructor(first: Buffer, needed: number) {
    this.#pieces = [first];
    this.#needed = needed;
    this.#bytes = first.length;
  }

  get count(): number {
    return this.#pieces.length;
  }

  /** Returns all pieces as one, or undefined if they are too few. */
  add(piece: Buffer): Buffer | undefined {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    return this.#bytes < this.#needed ? undefined : Buffer.concat(this.#pieces, this.#bytes);
  }
}
