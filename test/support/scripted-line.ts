/*
 * A client on a line that a test writes: the test answers each request, or leaves it without an answer, and sends frames.
 */

import { packChanges } from "../../src/board/delta.js";
import { LiveClient } from "../../src/client/client.js";
import type { Line, LineListener, Outcome } from "../../src/client/links/line.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Refusal } from "../../src/protocol/errors.js";
import type { OpenResult, RequestMap, RequestName, WriteRequest } from "../../src/protocol/events.js";
import { OPENED } from "./opened.js";
import { settle, VirtualClock } from "./virtual-clock.js";

class ScriptedLine implements Line {
  readonly protocol = 1;
  isUp = false;
  /** While true, requests get no answer, and nothing else is heard. */
  isSilent = false;
  readonly writes: WriteRequest[] = [];
  /** What it was asked to renew its token for. */
  readonly problems: string[] = [];
  /** What an instance answers to a write: a refusal, or undefined if it takes it. */
  judge: (write: WriteRequest) => Refusal | undefined = () => undefined;
  /** What it answers to `open`. */
  opens: () => OpenResult | Refusal = () => OPENED;
  readonly #listener: LineListener;
  readonly #lose = new Set<(lost: undefined) => void>();
  #version = 0;

  constructor(listener: LineListener) {
    this.#listener = listener;
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    answered: (outcome: Outcome<RequestMap[Name][1]>) => void,
  ): void {
    if (!this.isUp) {
      queueMicrotask(() => answered(undefined));
      return;
    }
    if (name === "write") this.writes.push(request as WriteRequest);
    if (this.isSilent) this.#lose.add(answered);
    else {
      // The compiler does not follow from the name to the answer.
      const answer = this.#answer(name, request) as RequestMap[Name][1] | Refusal;
      queueMicrotask(() => answered(answer));
    }
  }

  #answer(name: RequestName, request: unknown): RequestMap[RequestName][1] | Refusal {
    if (name === "open") return this.opens();
    if (name !== "write") return { watching: 1 };
    const refusal = this.judge(request as WriteRequest);
    return refusal ?? { at: [[0, ++this.#version]] };
  }

  /** Connected; resolves when what follows from it has happened. */
  up(): Promise<void> {
    this.isUp = true;
    this.#listener.opened();
    this.#listener.up("test");
    return settle();
  }

  down(reason?: Refusal): Promise<void> {
    this.isUp = false;
    this.#listener.down(reason);
    for (const lose of this.#lose) lose(undefined);
    this.#lose.clear();
    return settle();
  }

  /** The first change of page 0. */
  sendDelta(cell: number, value: 0 | 1): void {
    const from = { version: 0, tag: "AAAAAAAA" };
    const to = { version: 1, tag: "BBBBBBBB" };
    const changes = packChanges([[cell, value]]);
    this.#listener.delta({ handle: 0, content: { kind: "delta", page: 0, from, to, changes } });
  }

  renew(problem: Refusal): boolean {
    this.problems.push(problem.code);
    return true;
  }

  settled(): void {}

  reconnect(): void {}

  close(): void {}
}

/** `asSeen` makes the client's clock of the test's. */
export function scriptedClient(asSeen: (clock: Clock) => Clock = (clock) => clock) {
  const clock = new VirtualClock();
  const lines: ScriptedLine[] = [];
  const client = new LiveClient({
    clock: asSeen(clock),
    newSession: () => "A".repeat(22),
    open: (listener) => {
      const line = new ScriptedLine(listener);
      lines.push(line);
      return line;
    },
  });
  const [line] = lines;
  if (!line) throw new Error("the client opened no line");
  return { client, clock, line, board: client.board("main") };
}
