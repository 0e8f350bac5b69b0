/*
 * The teaching protocol, for board `main`: everyone gets an event for each cell that changed,
 * without positions or catch-up. Its clients read GET /state once, then trust the events, so a
 * board that is too large for GET /state is refused. Does not depend on any door.
 */

import { randomBytes } from "node:crypto";
import { eachDifference, getBit } from "../../../board/bitmap.js";
import { changedOffset } from "../../../board/delta.js";
import { cellAt, offsetOf, PAGE_CELLS, pageCount, pageOf } from "../../../board/geometry.js";
import { Refusal } from "../../../protocol/errors.js";
import type { CheckboxUpdate } from "../../../protocol/events.js";
import { TEACHING_BOARD } from "../../../protocol/version.js";
import type { Visitor } from "../../access/access.js";
import { visitorOwner } from "../../claims/owners.js";
import { parseRequest, teachingUpdate } from "../../input/requests.js";
import type { Instance } from "../../instance/instance.js";
import type { Hub } from "../../pages/hub.js";
import type { HostedBoard } from "../../pages/pages.js";
import type { HubUse } from "../../pages/shared-hubs.js";
import { committed } from "../../writes/commit-changes.js";
import { OwnSessions } from "../../writes/own-sessions.js";
import { PacedFanOut, type PacedRecipient } from "./paced-fan-out.js";

/** The largest board that GET /state sends. */
const STATE_CELLS_MAX = 100_000;

export class Teaching {
  readonly #instance: Instance;
  /** Clients do not number their writes, and one may have more of them open than a session can. */
  readonly #sessions = new OwnSessions();
  /** Recipient -> what takes it out of the present fan-out, if there is one. */
  readonly #recipients = new Map<PacedRecipient, (() => void) | undefined>();
  #following: { readonly fanOut: PacedFanOut; stop(): void } | undefined;

  constructor(instance: Instance) {
    this.#instance = instance;
    instance.keeper.tell({
      resized: ({ board }) => {
        if (board.name === TEACHING_BOARD && this.#recipients.size > 0) this.#refollow(board);
      },
    });
  }

  /** Throws a Refusal if the board does not exist or is too large for this protocol. */
  board(): HostedBoard {
    const board = this.#instance.boards.get(TEACHING_BOARD);
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    if (board.size > STATE_CELLS_MAX) throw new Refusal("BOARD_TOO_LARGE");
    return board;
  }

  /** Sends `recipient` all changes from now on, until the returned function is called. */
  join(recipient: PacedRecipient): () => void {
    this.#following ??= this.#follow(this.board());
    this.#recipients.set(recipient, this.#following.fanOut.add(recipient));
    return () => {
      this.#recipients.get(recipient)?.();
      this.#recipients.delete(recipient);
      if (this.#recipients.size === 0) this.#stop();
    };
  }

  require(visitor: Visitor, right: "view" | "write"): void {
    this.#instance.access.require(visitor, TEACHING_BOARD, right);
  }

  /** Returns a function that commits one client's writes in order, however long consent takes. */
  writer(address: string, visitor: Visitor): (input: unknown) => Promise<{ readonly ok: true }> {
    const client = randomBytes(16).toString("base64url");
    /** Settles when every write so far was refused or is on its way to the store. */
    let before: Promise<unknown> = Promise.resolve();
    return async (input) => {
      const { index, value } = parseRequest(teachingUpdate, input);
      const board = this.board();
      if (index < 0 || index >= board.size) throw new Refusal("CELL_OUT_OF_RANGE", { cells: [index] });
      this.require(visitor, "write");
      this.#instance.admission.admitWrite(address, client, 1);
      const changes = [[index, value ? 1 : 0]] as const;
      const owner = board.claims && visitorOwner(visitor, { session: client });
      const consent = this.#instance.access.requireConsent(visitor, board.name, changes);
      // Wrapped in an object, so that the next write waits for this commit's start, not for its
      // answer.
      const begun = Promise.all([consent, before]).then(() => ({
        commit: this.#sessions.run((session, seq) =>
          committed(this.#instance.writer, { board: board.name, session, seq, changes, owner }),
        ),
      }));
      before = Promise.allSettled([before, begun]);
      const { commit } = await begun;
      await commit;
      return { ok: true };
    };
  }

  /** The current value of the cell that `input` names, for a client whose update was refused. */
  present(input: unknown): CheckboxUpdate | undefined {
    const parsed = teachingUpdate.safeParse(input);
    if (!parsed.success) return undefined;
    const { index } = parsed.data;
    const size = this.#instance.boards.get(TEACHING_BOARD)?.size ?? 0;
    if (index < 0 || index >= size) return undefined;
    const follower = this.#instance.pages.peek({ board: TEACHING_BOARD, page: pageOf(index) });
    return follower && { index, value: follower.replica.get(offsetOf(index)) === 1 };
  }

  /** No changes are sent while the board is gone, or too large. */
  #refollow(board: HostedBoard): void {
    this.#stop();
    if (board.size > 0 && board.size <= STATE_CELLS_MAX) this.#following = this.#follow(board);
    for (const [recipient, leave] of this.#recipients) {
      leave?.();
      this.#recipients.set(recipient, this.#following?.fanOut.add(recipient));
    }
  }

  #stop(): void {
    this.#following?.stop();
    this.#following = undefined;
  }

  #follow(board: HostedBoard): { readonly fanOut: PacedFanOut; stop(): void } {
    const holds: HubUse<Hub>[] = [];
    const stops: (() => void)[] = [];
    const fanOut = new PacedFanOut(
      this.#instance.clock,
      board.size,
      (cell) => holds[pageOf(cell)]?.hub.follower.replica.get(offsetOf(cell)) === 1,
    );
    for (let page = 0; page < pageCount(board.size); page++) {
      const hold = this.#instance.pages.use(board, page);
      holds.push(hold);
      const { hub } = hold;
      const { replica } = hub.follower;
      const known = replica.bits.slice();
      const changed = (offset: number) => fanOut.changed(cellAt(page, offset));
      const compare = () => {
        eachDifference(known, replica.bits, changed);
        known.set(replica.bits);
      };
      stops.push(
        hub.follower.observe({
          // Deltas count only once the page is loaded. Before that, `restarted` reports all its
          // cells.
          applied: ({ changes }) => {
            if (hub.follower.isReady) for (const change of changes) changed(changedOffset(change));
          },
          restarted: compare,
        }),
        hub.observe({
          flushed: () => {
            compare();
            fanOut.flush();
          },
        }),
      );
    }
    return {
      fanOut,
      stop: () => {
        for (const stop of stops) stop();
        for (const hold of holds) hold.release();
      },
    };
  }
}

/** The whole board, in the form of the teaching project's GET /state. */
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
