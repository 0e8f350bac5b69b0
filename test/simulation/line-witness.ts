/*
 * Watches one user's line and judges what crosses it:
 *
 *     frames    lead from a state of the page's history to a later one, fit what the client holds, are not sent to who does
 *               not read, are encoded once for all (I7), and are read as the instance meant them
 *     writes    are acknowledged only after the store has taken them; refused the first time, they never take effect
 *     errors    are only those that tell of bad times, not of faults
 */

import type { Delta } from "../../src/board/delta.js";
import { offsetOf, pageOf } from "../../src/board/geometry.js";
import { formatPosition, samePosition } from "../../src/board/position.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Framed } from "../../src/protocol/codec.js";
import type { Mine, RequestMap, RequestName } from "../../src/protocol/events.js";
import { type ErrorBody, type ErrorCode, RULES } from "../../src/protocol/refusal.js";
import type { Message } from "../../src/server/lane/message.js";
import type { DeltaFrame, Frame } from "../../src/server/pages/recipient.js";
import type { ClaimsJudge } from "./claims-judge.js";
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
  readonly claimsJudge: ClaimsJudge;
  readonly trace: Trace;
  readonly encodeCount: EncodeCount;
  /** By the handle that the instances give their boards. */
  readonly screens: readonly Screen[];
}

export class Witness implements LineWitness {
  readonly #parts: WitnessParts;
  /** The frame whose message the client is given, if it has not read it. */
  #unread: Frame | undefined;
  /** Counts connections. */
  connection = 0;
  /** `session:seq` of writes, and how often each was sent. */
  readonly #sent = new Map<string, number>();
  /** `session:seq` of writes that were refused because of their cells' owners. */
  readonly #usedUp = new Set<string>();
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
    if ("pages" in request) {
      const { joins } = this.#screenOf(request);
      for (const entry of request.pages) joins.asked(typeof entry === "number" ? entry : entry[0], name);
    } else if ("seq" in request) {
      const key = `${request.session}:${request.seq}`;
      this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1);
      if (this.#usedUp.has(key)) this.#fail(`number ${request.seq} is sent again after TAKEN, which used it up`);
    }
  }

  answered<Name extends RequestName>(name: Name, request: RequestMap[Name][0], reply: object): void {
    this.#say(() => `<- ${name} ${"seq" in request ? request.seq : ""} ${JSON.stringify(reply)}`);
    const error = "error" in reply ? (reply.error as ErrorBody) : undefined;
    if (error && !BAD_TIMES.has(error.code) && !this.#isTaken(request, error)) {
      this.#fail(`${name} is answered with ${error.code}`);
    }
    if ("pages" in request) {
      const { joins } = this.#screenOf(request);
      for (const entry of request.pages) joins.answered(typeof entry === "number" ? entry : entry[0], name, !error);
    } else if ("seq" in request) {
      if (error) this.#refused(request, error.code);
      else this.#acknowledged(request);
    }
  }

  sent(host: Host, frame: Frame, isBacklogged: boolean): void {
    if (isBacklogged && frame.kind !== "mine") this.#fail("a frame is sent to a client that does not read");
    this.#parts.encodeCount.sent(host.name, frame);
  }

  encoded(frame: Frame, message: Message): void {
    this.#parts.encodeCount.encoded(frame, message);
  }

  read(delta: Framed<Delta> | undefined): void {
    const frame = this.#unread;
    this.#unread = undefined;
    if (!delta) this.#fail("the client cannot read a message");
    else if (frame?.kind !== "delta") this.#fail("the client reads a delta that was not sent");
    else if (!isSame(delta, frame)) {
      const { from, to } = delta.content;
      this.#fail(`the client reads another delta than was sent: ${formatPosition(from)} -> ${formatPosition(to)}`);
    }
  }

  delivered(frame: Frame, deliver: () => void): void {
    const { judge, name } = this.#parts;
    if (frame.kind === "mine") {
      this.#say(() => `is told ${JSON.stringify(frame.mine)}`);
      this.#ownsOrFails(frame.mine);
      deliver();
      return;
    }
    if (frame.kind !== "delta" && frame.kind !== "snapshot") {
      this.#fail("a frame that nobody asked for");
      return;
    }
    const { board, joins } = this.#screen(frame.handle);
    const ref = { board: board.name, page: frame.kind === "delta" ? frame.delta.page : frame.page };
    const replica = board.replicaOf(ref.page);
    const before = replica?.position;
    // Only before: one that does not fit makes the client leave the page.
    const isFollowed = joins.isFollowed(ref.page);
    this.#unread = frame;
    deliver();
    if (frame.kind === "delta" && this.#unread) this.#fail("the client does not read a delta that was sent");
    this.#unread = undefined;
    if (!replica || !before) return;
    const after = replica.position;
    this.#say(() => `${frame.kind} of ${ref.board}:${ref.page}: ${formatPosition(before)} -> ${formatPosition(after)}`);
    judge.checkState(name, ref, replica);
    judge.checkMove(name, ref, before, after);
    if (frame.kind === "snapshot" || !isFollowed || samePosition(frame.delta.from, before)) return;
    this.#fail(`the delta from ${formatPosition(frame.delta.from)} does not fit ${formatPosition(before)}`);
  }

  ended(error: ErrorBody): void {
    this.#fail(`the instance ends the connection: ${error.code}`);
  }

  disowned(): void {
    this.#fail("the instance takes a client for lost that answers its beats");
  }

  #acknowledged({ handle, session, seq, changes }: RequestMap["write"][0]): void {
    const { judge, name } = this.#parts;
    const { board } = this.#screen(handle);
    const pages = new Set(changes.map(([cell]) => pageOf(cell)));
    for (const page of pages) judge.checkAcknowledged(name, { board: board.name, page }, session, seq);
  }

  /** On a board with claims, a write may be refused for cells of it that are others'. */
  #isTaken(request: object, { code, cells = [] }: ErrorBody): boolean {
    if (code !== "TAKEN" || !("seq" in request)) return false;
    const { handle, session, seq, changes } = request as RequestMap["write"][0];
    const { board, owner } = this.#screen(handle);
    const written = new Set(changes.map(([cell]) => cell));
    return (
      owner !== undefined &&
      cells.length > 0 &&
      cells.every(
        (cell) =>
          written.has(cell) && this.#parts.judge.wasClaimed({ board: board.name, page: pageOf(cell) }, session, seq),
      )
    );
  }

  #ownsOrFails({ handle, page, cells }: Mine): void {
    const { board, owner = "" } = this.#screen(handle);
    for (const [cell] of cells) {
      if (this.#parts.claimsJudge.hasOwned(owner, { board: board.name, page }, offsetOf(cell))) continue;
      this.#fail(`is told to have ${board.name} ${cell}, which was never theirs`);
    }
  }

  #refused({ session, seq }: RequestMap["write"][0], code: ErrorCode): void {
    // A copy that others have overtaken is refused too: claim-book.ts sees that nothing comes of it later.
    if (code === "TAKEN") {
      this.#usedUp.add(`${session}:${seq}`);
      return;
    }
    if (RULES[code].outcome === "refused" && this.#sent.get(`${session}:${seq}`) === 1) {
      this.refusedAtOnce.push({ session, seq });
    }
  }

  #screen(handle: number): Screen {
    const screen = this.#parts.screens[handle];
    if (!screen) throw new Error(`no board of handle ${handle}`);
    return screen;
  }

  #screenOf(request: { readonly handle: number } | { readonly board: string }): Screen {
    if ("handle" in request) return this.#screen(request.handle);
    const screen = this.#parts.screens.find(({ board }) => board.name === request.board);
    if (!screen) throw new Error(`no board ${request.board}`);
    return screen;
  }

  #fail(reason: string): void {
    this.#parts.judge.fail(`${this.#parts.name}: ${reason}`);
  }

  #say(line: () => string): void {
    this.#parts.trace.say(() => `${this.#parts.name}  ${line()}`);
  }
}

function isSame({ handle, content }: Framed<Delta>, frame: DeltaFrame): boolean {
  const { page, from, to, changes } = frame.delta;
  const isThere = handle === frame.handle && content.page === page;
  const isThen = samePosition(content.from, from) && samePosition(content.to, to);
  return isThere && isThen && content.changes.join() === changes.join();
}
