/*
 * Watches one user's line and judges what crosses it:
 *
 *     frames    lead from a state of the page's history to a later one, fit what the client holds, are not sent to who does
 *               not read, and are encoded once for all (I7)
 *     writes    are acknowledged only after the store has taken them; refused the first time, they never take effect
 *     errors    are only those that tell of bad times, not of faults
 */

import { pageOf } from "../../src/board/geometry.js";
import { formatPosition, samePosition } from "../../src/board/position.js";
import type { Clock } from "../../src/protocol/clock.js";
import { decodeDelta, decodeSnapshot } from "../../src/protocol/codec.js";
import { ERRORS, type ErrorBody, type ErrorCode } from "../../src/protocol/errors.js";
import type { RequestMap, RequestName } from "../../src/protocol/events.js";
import type { Frame } from "../../src/server/pages/recipient.js";
import type { EncodeCount } from "./encode-count.js";
import type { Host } from "./host.js";
import type { Judge } from "./judge.js";
import type { LineWitness } from "./line.js";
import type { Screen } from "./screen.js";
import type { Trace } from "./trace.js";

/** What may be answered in bad times. */
const BAD_TIMES: ReadonlySet<ErrorCode> = new Set(["RATE_LIMITED", "BUSY", "STORE_AWAY", "OUTCOME_UNKNOWN"]);

export interface WitnessParts {
  readonly name: string;
  readonly clock: Clock;
  readonly judge: Judge;
  readonly trace: Trace;
  readonly encodeCount: EncodeCount;
  /** By the handle that the instances give their boards. */
  readonly screens: readonly Screen[];
}

export class Witness implements LineWitness {
  readonly #parts: WitnessParts;
  /** Counts connections. */
  connection = 0;
  /** `session:seq` of writes, and how often each was sent. */
  readonly #sent = new Map<string, number>();
  /** Writes that were refused when they were sent for the first time. */
  readonly refusedAtOnce: { session: string; seq: number }[] = [];

  constructor(parts: WitnessParts) {
    this.#parts = parts;
  }

  connected(host: Host): void {
    this.connection++;
    this.#say(() => `connected to ${host.name}`);
  }

  lost(): void {
    this.connection++;
    for (const screen of this.#parts.screens) screen.joins.clear();
    this.#say(() => "connection lost");
  }

  requested<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): void {
    this.#say(() => `-> ${name} ${JSON.stringify(request)}`);
    if ("pages" in request && "handle" in request) {
      const { joins } = this.#screen(request.handle);
      for (const entry of request.pages) joins.asked(typeof entry === "number" ? entry : entry[0], name);
    } else if ("seq" in request) {
      const key = `${request.session}:${request.seq}`;
      this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1);
    }
  }

  answered<Name extends RequestName>(name: Name, request: RequestMap[Name][0], reply: object): void {
    this.#say(() => `<- ${name} ${"seq" in request ? request.seq : ""} ${JSON.stringify(reply)}`);
    const error = "error" in reply ? (reply.error as ErrorBody) : undefined;
    if (error && !BAD_TIMES.has(error.code)) this.#fail(`${name} is answered with ${error.code}`);
    if ("pages" in request && "handle" in request) {
      const { joins } = this.#screen(request.handle);
      for (const entry of request.pages) joins.answered(typeof entry === "number" ? entry : entry[0], name, !error);
    } else if ("seq" in request) {
      if (error) this.#refused(request, error.code);
      else this.#acknowledged(request);
    }
  }

  sent(host: Host, frame: Frame, isBacklogged: boolean): void {
    if (isBacklogged) this.#fail("a frame is sent to a client that does not read");
    this.#parts.encodeCount.sent(host.name, frame);
  }

  delivered(frame: Frame, deliver: () => void): void {
    const { judge, name } = this.#parts;
    if (frame.kind !== "delta" && frame.kind !== "snapshot") {
      this.#fail("a frame that nobody asked for");
      return;
    }
    const framed =
      frame.kind === "delta"
        ? decodeDelta(frame.text)
        : decodeSnapshot(frame.bytes, (handle, page) => this.#screen(handle).board.cellsOf(page));
    if (!framed) {
      this.#fail("a frame cannot be read");
      return;
    }
    const { content, handle } = framed;
    const { board, joins } = this.#screen(handle);
    const ref = { board: board.name, page: content.page };
    const replica = board.replicaOf(content.page);
    const before = replica?.position;
    // Only before: one that does not fit makes the client leave the page.
    const isFollowed = joins.isFollowed(ref.page);
    deliver();
    if (!replica || !before) return;
    const after = replica.position;
    this.#say(
      () => `${content.kind} of ${ref.board}:${ref.page}: ${formatPosition(before)} -> ${formatPosition(after)}`,
    );
    judge.checkState(name, ref, replica);
    judge.checkMove(name, ref, before, after);
    if (content.kind === "snapshot" || !isFollowed || samePosition(content.from, before)) return;
    this.#fail(`the delta from ${formatPosition(content.from)} does not fit ${formatPosition(before)}`);
  }

  ended(error: ErrorBody): void {
    this.#fail(`the instance ends the connection: ${error.code}`);
  }

  #acknowledged({ handle, session, seq, changes }: RequestMap["write"][0]): void {
    const { judge, name } = this.#parts;
    const { board } = this.#screen(handle);
    const pages = new Set(changes.map(([cell]) => pageOf(cell)));
    for (const page of pages) judge.checkAcknowledged(name, { board: board.name, page }, session, seq);
  }

  #refused({ session, seq }: RequestMap["write"][0], code: ErrorCode): void {
    if (ERRORS[code].outcome === "refused" && this.#sent.get(`${session}:${seq}`) === 1) {
      this.refusedAtOnce.push({ session, seq });
    }
  }

  #screen(handle: number): Screen {
    const screen = this.#parts.screens[handle];
    if (!screen) throw new Error(`no board of handle ${handle}`);
    return screen;
  }

  #fail(reason: string): void {
    this.#parts.judge.fail(`${this.#parts.name}: ${reason}`);
  }

  #say(line: () => string): void {
    this.#parts.trace.say(() => `${this.#parts.name}  ${line()}`);
  }
}
