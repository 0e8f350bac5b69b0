/*
 * The clients of this instance by the board that they have open. It counts the people of each
 * board, and sends them frames that concern all of them.
 */

import type { HostedBoard } from "../pages/pages.js";
import type { Frame, Recipient } from "../pages/recipient.js";

type Member = Pick<Recipient, "backlogged" | "send">;

export class Audiences {
  /** There is one member for each client and board that it has open. */
  readonly #boards = new Map<HostedBoard, Set<Member>>();

  join(board: HostedBoard, member: Member): void {
    const members = this.#boards.get(board) ?? new Set();
    this.#boards.set(board, members);
    members.add(member);
  }

  leave(board: HostedBoard, member: Member): void {
    const members = this.#boards.get(board);
    if (members?.delete(member) && members.size === 0) this.#boards.delete(board);
  }

  /** The boards that anyone has open. */
  boards(): Iterable<HostedBoard> {
    return this.#boards.keys();
  }

  count(board: HostedBoard): number {
    return this.#boards.get(board)?.size ?? 0;
  }

  /** Members that do not read are left out. */
  send(board: HostedBoard, frame: Frame): void {
    for (const member of this.#boards.get(board) ?? []) if (!member.backlogged) member.send(frame);
  }
}
