/*
 * Writes and reads frames byte by byte. A varint is LEB128: seven bits per byte, least significant
 * first, with the high bit set on all but the last. The largest value is 2^53 - 1, and only the
 * shortest form is valid.
 */

export class Writer {
  readonly #buffer: Uint8Array;
  #length = 0;

  /** The caller must write at most `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#buffer = new Uint8Array(bytesMax);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
  }

  /** Writes 0 … 65,535 as two bytes, most significant first. */
  word(value: number): void {
    this.#buffer[this.#length++] = value >>> 8;
    this.#buffer[this.#length++] = value & 255;
  }

  byte(value: number): void {
    this.#buffer[this.#length++] = value;
  }

  copy(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads never throw. Past the end, or at a bad varint, `failed` becomes true and stays true. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.failed || this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      if (byte < 128) {
        if ((byte === 0 && count > 0) || !Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    this.failed = true;
    return 0;
  }

  word(): number {
    const high = this.#bytes[this.#at++];
    const low = this.#bytes[this.#at++];
    if (high !== undefined && low !== undefined) return high * 256 + low;
    this.failed = true;
    return 0;
  }

  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    if (taken.length < count) this.failed = true;
    return taken;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
}
