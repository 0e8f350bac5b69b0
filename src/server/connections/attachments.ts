/*
 * Socket.IO sends binary data as attachments: a text packet says how many follow, and its parser holds those that came
 * until all have. A peer that announces some and does not send the last would have them held for as long as it stays. So
 * the attachments of one message have a bound in bytes together, and the last must arrive in time.
 */

/** socket.io-protocol: packets of types 5 and 6 begin with the number of attachments. */
const ANNOUNCEMENT = /^[56](\d+)-/;
const ATTACHED_MS_MAX = 10_000;

export class Attachments {
  readonly #bytesMax: number;
  readonly #end: () => void;
  #missing = 0;
  #bytes = 0;
  #late: NodeJS.Timeout | undefined;

  /** `end` ends a connection that has more than `bytesMax` held, or keeps the last back. */
  constructor(bytesMax: number, end: () => void) {
    this.#bytesMax = bytesMax;
    this.#end = end;
  }

  /** What a message of the connection carries. */
  take(data: string | Buffer): void {
    if (typeof data !== "string") {
      this.#bytes += data.length;
      this.#missing--;
      if (this.#bytes > this.#bytesMax) this.#end();
      if (this.#missing <= 0) this.close();
      return;
    }
    const [, count = "0"] = ANNOUNCEMENT.exec(data) ?? [];
    this.#missing = Number(count);
    this.#bytes = 0;
    if (this.#missing === 0) return;
    this.close();
    this.#late = setTimeout(this.#end, ATTACHED_MS_MAX);
    this.#late.unref();
  }

  close(): void {
    clearTimeout(this.#late);
  }
}
