/*
 * Writes the log to standard output without blocking the instance. A line that cannot be written
 * immediately is dropped and counted. Once writing works again, a line reports the count. For a
 * pipe that is not being read, lines wait, up to a bound. Two kinds of output may still block: a
 * stopped terminal (Ctrl-S), and a file on a hanging network file system.
 */

import { fstatSync, writeSync } from "node:fs";

/** Most bytes that may wait for the reader of a pipe. */
const WAITING_BYTES_MAX = 1_048_576;
const TRY_AGAIN_MS = 1_000;
const STDOUT = 1;

class LogOutput {
  #dropped = 0;
  #unreported = 0;
  #timer: NodeJS.Timeout | undefined;

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (!this.#reportDropped() || !this.#try(line, 1)) this.#drop(1);
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#unreported += lines;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#reportDropped()) this.#drop(0);
    }, TRY_AGAIN_MS).unref();
  }

  #reportDropped(): boolean {
    const dropped = this.#unreported;
    if (dropped === 0) return true;
    this.#unreported = 0;
    const time = new Date().toISOString();
    const msg = "log lines were dropped because standard output was not writable";
    const isReported = this.#try(`${JSON.stringify({ level: 40, time, dropped, msg })}\n`, 0, dropped);
    if (!isReported) this.#unreported += dropped;
    return isReported;
  }

  /**
   * If the write fails later, `lines` lines count as dropped, and `reported` drops must be reported
   * again.
   */
  #try(text: string, lines: number, reported = 0): boolean {
    try {
      const write = isStream() ? writeStream : writeFile;
      write(text, () => {
        this.#unreported += reported;
        this.#drop(lines);
      });
      return true;
    } catch {
      return false;
    }
  }
}

export const standardOutput = new LogOutput();

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
  // The previous line may have been cut off.
  const bytes = Buffer.from(isCut ? `\n${text}` : text);
  const written = writeSync(STDOUT, bytes);
  if (written > 0) isCut = written < bytes.length;
  if (written < bytes.length) throw new Error("the disk is full");
}

/** Used for pipes and sockets, because only Node's stream writes to them without blocking. */
function writeStream(text: string, failed: () => void): void {
  const { stdout } = process;
  if (stdout.writableLength > WAITING_BYTES_MAX) throw new Error("nothing is reading standard output");
  stdout.write(text, (error) => {
    if (!error) return;
    // Without a listener, `error` would end the process. `once`, because the stream belongs to the
    // app.
    if (stdout.listenerCount("error") === 0) stdout.once("error", () => undefined);
    failed();
  });
}
