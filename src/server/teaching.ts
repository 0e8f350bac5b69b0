/*
 * The teaching protocol of namespace `/`, for board `main`: one event per changed cell to everybody, no positions, no
 * catch-up. Its clients read GET /state when they connect and trust the events from then on.
 *
 * Knows nothing of sockets. A board too large to be sent whole is too large for this protocol.
 */

import { randomBytes } from "node:crypto";
import { type Bit, eachDifference, getBit } from "../board/bitmap.js";
import { cellAt, offsetOf, PAGE_CELLS, pageCount, pageOf } from "../board/geometry.js";
import { Refusal } from "../protocol/errors.js";
import { TEACHING_BOARD } from "../protocol/version.js";
import type { Visitor } from "./access.js";
import type { Hold } from "./holds.js";
import type { Hub } from "./hub.js";
import type { Instance } from "./instance.js";
import type { HostedBoard } from "./pages.js";
import { parseRequest, teachingUpdate } from "./requests.js";
import { commitChanges } from "./session.js";
import { WriteLanes } from "./write-lanes.js";

/** The largest board that GET /state sends whole. */
export const STATE_CELLS_MAX = 100_000;

export interface CheckboxUpdate {
  readonly index: number;
  readonly value: boolean;
}

export class Teaching {
  readonly #instance: Instance;
  readonly #emit: (update: CheckboxUpdate) => void;
  /** Its clients number nothing themselves, and one may send more at a time than a session can have open. */
  readonly #lanes = new WriteLanes();
  #listeners = 0;
  #stop: (() => void) | undefined;

  /** `emit` sends one update to every client of the namespace. */
  constructor(instance: Instance, emit: (update: CheckboxUpdate) => void) {
    this.#instance = instance;
    this.#emit = emit;
  }

  /** The board, or a Refusal if there is none or it is too large for this protocol. */
  board(): HostedBoard {
    const board = this.#instance.boards.get(TEACHING_BOARD);
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    if (board.size > STATE_CELLS_MAX) throw new Refusal("BOARD_TOO_LARGE");
    return board;
  }

  /** Counts a client in; the board is followed while there are any. */
  join(): () => void {
    if (this.#listeners++ === 0) this.#stop = this.#follow(this.board());
    return () => {
      if (--this.#listeners > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  /** Throws a Refusal if the visitor may not do this on the board. */
  require(visitor: Visitor, right: "view" | "write"): void {
    this.#instance.access.require(visitor, TEACHING_BOARD, right);
  }

  /** The writes of a client at `address`, with a rate of its own; committed in the order in which they come, however long consent takes. */
  writer(address: string, visitor: Visitor): (input: unknown) => Promise<void> {
    const client = randomBytes(16).toString("base64url");
    /** Settles when every write so far is refused, or on its way to the store. */
    let before: Promise<unknown> = Promise.resolve();
    return async (input) => {
      const { index, value } = parseRequest(teachingUpdate, input);
      const board = this.board();
      if (index < 0 || index >= board.size) throw new Refusal("CELL_OUT_OF_RANGE", { cells: [index] });
      this.require(visitor, "write");
      this.#instance.admission.admitWrite(address, client, 1);
      const changes = [[index, value ? 1 : 0]] as const;
      const consent = this.#instance.access.requireConsent(visitor, board.name, changes);
      // Wrapped, so that the next write waits for the beginning of this commit, not for its answer.
      const begun = Promise.all([consent, before]).then(() => ({
        committed: this.#lanes.run((session, seq) => commitChanges(this.#instance, board, session, seq, changes)),
      }));
      before = Promise.allSettled([before, begun]);
      const { committed } = await begun;
      await committed;
    };
  }

  /** What the board holds at the cell that `input` names, for a client whose update was refused. */
  present(input: unknown): CheckboxUpdate | undefined {
    const parsed = teachingUpdate.safeParse(input);
    if (!parsed.success) return undefined;
    const { index } = parsed.data;
    const board = this.board();
    if (index < 0 || index >= board.size) return undefined;
    const follower = this.#instance.pages.peek({ board: board.name, page: pageOf(index) });
    return follower && { index, value: follower.replica.get(offsetOf(index)) === 1 };
  }

  #follow(board: HostedBoard): () => void {
    const holds: Hold<Hub>[] = [];
    const stops: (() => void)[] = [];
    for (let page = 0; page < pageCount(board.size); page++) {
      const hold = this.#instance.pages.hold(board, page);
      holds.push(hold);
      const { replica } = hold.hub.follower;
      const shown = replica.bits.slice();
      const tell = (offset: number, value: Bit) => this.#emit({ index: cellAt(page, offset), value: value === 1 });
      stops.push(
        hold.hub.observe(() => {
          eachDifference(shown, replica.bits, tell);
          shown.set(replica.bits);
        }),
      );
    }
    return () => {
      for (const stop of stops) stop();
      for (const hold of holds) hold.release();
    };
  }
}

/** The whole board as the teaching project's GET /state gives it. */
export async function readState(instance: Instance, board: HostedBoard): Promise<boolean[]> {
  if (board.size > STATE_CELLS_MAX) {
    throw new Refusal("BOARD_TOO_LARGE", { detail: `see /boards/${board.name}` });
  }
  const pages = await Promise.all(
    Array.from({ length: pageCount(board.size) }, (_, page) => instance.readPage(board, page)),
  );
  return Array.from({ length: board.size }, (_, cell) => {
    const bits = pages[Math.floor(cell / PAGE_CELLS)]?.bits;
    return bits !== undefined && getBit(bits, offsetOf(cell)) === 1;
  });
}
