/*
 * Leaves a subscriber connection unread for a moment, so that all messages of that moment wake the
 * process only once. They wait in the kernel. A connection with heavy traffic is never left unread:
 * it would fill the kernel's buffer, and the server would disconnect it.
 */

import { type Cancel, realClock } from "../../../protocol/clock.js";

const WINDOW_MS = 200;
/** Far below what the kernel keeps during a doze. */
const CHARACTERS_PER_SECOND_MAX = 262_144;

/**
 * The handle below a socket, undocumented in Node. `pause` on the socket itself does not stop
 * reading.
 */
interface Handle {
  readonly reading: boolean;
  readStop(): number;
  readStart(): number;
}

export class Doze {
  #resume: (() => void) | undefined;
  #cancel: Cancel | undefined;
  #windowStartMs = 0;
  #characters = 0;
  #isBusy = false;

  heard(characters: number): void {
    this.#characters += characters;
  }

  begin(socket: object, ms: number): void {
    if (this.#measure()) return;
    this.#cancel?.();
    this.#resume ??= leaveUnread(socket);
    if (this.#resume) this.#cancel = realClock.after(ms, () => this.end());
  }

  end(): void {
    this.#cancel?.();
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Whether the last full window had heavy traffic. */
  #measure(): boolean {
    const elapsedMs = realClock.now() - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBusy = (this.#characters * 1_000) / elapsedMs > CHARACTERS_PER_SECOND_MAX;
      this.#windowStartMs += elapsedMs;
      this.#characters = 0;
    }
    return this.#isBusy;
  }
}

/**
 * Stops reading and returns the function that resumes it. Does nothing and returns undefined if the
 * socket is closed or not reading, or its handle is not as expected.
 */
function leaveUnread(socket: object): (() => void) | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isHandle(handle) || !handle.reading) return undefined;
  handle.readStop();
  return () => {
    // A socket that was closed meanwhile has another handle, or none.
    if (Reflect.get(socket, "_handle") === handle) handle.readStart();
  };
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== "object" || value === null) return false;
  return ["readStop", "readStart"].every((name) => typeof Reflect.get(value, name) === "function");
}
