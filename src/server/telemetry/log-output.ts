/*
 * Where the lines of the log go: standard output. Logging never holds the instance up: a line that cannot be written now
 * is dropped and counted, and once writing works again a line says how many were.
 *
 * A file takes a line at once or fails. A pipe or socket that nobody reads keeps lines waiting, up to a bound. What may
 * still block: a terminal that is held (Ctrl-S), and a file on a network file system that hangs.
 */

import { fstatSync, writeSync } from "node:fs";

/** That wait for whoever reads a pipe. */
const WAITING_BYTES_MAX = 1_048_576;
const TRY_AGAIN_MS = 1_000;
const STDOUT = 1;

/** Writes `text` now, or throws; `failed` is called if it turns out later that it was not written. */
export type Write = (text: string, failed: () => void) => void;

class LogOutput {
  readonly #write: Write;
  #dropped = 0;
  /** Of those, how many no line has told of yet. */
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Never throws. */
  write(line: string): void {
    if (!this.#tellDropped() || !this.#try(line, 1)) this.#drop(1);
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#tellDropped()) this.#drop(0);
    }, TRY_AGAIN_MS).unref();
  }

  /** Whether there is nothing left to tell. */
  #tellDropped(): boolean {
    const dropped = this.#untold;
    if (dropped === 0) return true;
    this.#untold = 0;
    const time = new Date().toISOString();
    const msg = "lines of the log were dropped: standard output could not be written";
    const isTold = this.#try(`${JSON.stringify({ level: 40, time, dropped, msg })}\n`, 0, dropped);
    if (!isTold) this.#untold += dropped;
    return isTold;
  }

  /** `lines` are dropped and `untold` are told again if it fails later. */
  #try(text: string, lines: number, untold = 0): boolean {
    try {
      this.#write(text, () => {
        this.#untold += untold;
        this.#drop(lines);
      });
      return true;
    } catch {
      return false;
    }
  }
}

/** One for the process, as standard output is. */
export const standardOutput = new LogOutput((text, failed) => (isStream() ? writeStream : writeFile)(text, failed));

let isPipe: boolean | undefined;

function isStream(): boolean {
  if (isPipe === undefined) {
    const stat = fstatSync(STDOUT);
    isPipe = stat.isFIFO() || stat.isSocket();
  }
  return isPipe;
}

let isCut = false;

function writeFile(text: string): void {
  // What was written of a line before has no end.
  const bytes = Buffer.from(isCut ? `\n${text}` : text);
  const written = writeSync(STDOUT, bytes);
  if (written > 0) isCut = written < bytes.length;
  if (written < bytes.length) throw new Error("the disk is full");
}

/** Node's stream, as it alone makes a pipe or socket one that does not block. */
function writeStream(text: string, failed: () => void): void {
  const { stdout } = process;
  if (stdout.writableLength > WAITING_BYTES_MAX) throw new Error("nobody reads");
  stdout.write(text, (error) => {
    if (!error) return;
    // The stream tells it to the process next, which that would end. It is the app's too: no listener stays.
    if (stdout.listenerCount("error") === 0) stdout.once("error", () => undefined);
    failed();
  });
}
