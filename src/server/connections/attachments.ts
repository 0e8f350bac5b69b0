/*
 * Socket.IO sends binary data as attachments: a text packet announces their number, and the parser
 * keeps them until all have arrived. A client could withhold the last one to keep the others in
 * memory. The attachments of one message therefore have a size limit, and the last must arrive in
 * time.
 */

/** In socket.io-protocol, packets of types 5 and 6 begin with the number of attachments. */
const ANNOUNCEMENT = /^[56](\d+)-/;
const ATTACHED_MS_MAX = 10_000;

export class Attachments {
  readonly #bytesMax: number;
  readonly #end: () => void;
  #missing = 0;
  #bytes = 0;
  #late: NodeJS.Timeout | undefined;

  /** `end` is called if attachments exceed `bytesMax` or arrive too late. */
  constructor(bytesMax: number, end: () => void) {
    this.#bytesMax = bytesMax;
    this.#end = end;
  }

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
