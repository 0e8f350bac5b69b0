/*
 * A user of a chaos run: the real client library, connected to one of several instances, over the lane or over
 * Socket.IO. It writes its own register, one
 * value after the other, and now and then a contended cell; and it looks at everybody else's registers whenever the
 * library reports a change. It records what it did and saw, and judges nothing.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Board, type Client, connect, Refusal } from "../../src/client/index.js";
import type { Random } from "../support/random.js";
import { CLAIM_BOARD_NAMES, CLAIMED_CELLS, type ClaimBoard, type Claimed, cellOf } from "./claimed.js";
import type { History, State, Target, WriteOutcome } from "./history.js";
import {
  BOARD_CELLS,
  bitsOfWord,
  CONTENDED_CELLS,
  cellsOfLedger,
  cellsOfRegister,
  contendedCell,
  encodeWord,
  markOf,
  registerOfCell,
  wordOfBits,
} from "./register.js";
import { stateOf } from "./stored-state.js";

/** Between two writes of one user, at most: a load that the machine can carry beside the faults. */
const THINK_MS_MAX = 12;
const CONTENDED_PART = 0.3;
const CLAIMS_PART = 0.3;
/** In turns. With two or three instances, each has users of the lane. */
const DOORS = ["lane", "lane", "lane", "socketio", "socketio", "lane"] as const;

export class User {
  readonly index: number;
  readonly board: Board;
  readonly #claimBoards: ReadonlyMap<ClaimBoard, Board>;
  /** Writes acknowledged so far. */
  acknowledged = 0;
  readonly #client: Client;
  readonly #history: History;
  readonly #random: Random;
  #counter = 0;
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(index: number, urls: readonly string[], history: History, random: Random) {
    this.index = index;
    this.#history = history;
    this.#random = random;
    this.#client = connect(urls, User.usesLane(index) ? {} : { lanePath: false });
    this.board = this.#client.board("main");
    this.#claimBoards = new Map(CLAIM_BOARD_NAMES.map((name) => [name, this.#client.board(name)]));
  }

  static usesLane(index: number): boolean {
    return DOORS[index % DOORS.length] === "lane";
  }

  /** Resolves when it sees the whole board. */
  static async arrive(index: number, urls: readonly string[], history: History, random: Random): Promise<User> {
    const user = new User(index, urls, history, random);
    user.board.on("change", (changes) => {
      const registers = new Set(changes.map(({ cell }) => registerOfCell(cell)));
      for (const register of registers) if (register !== undefined) user.#look(register);
    });
    const claimBoards = Array.from(user.#claimBoards.values(), (board) =>
      board.watch({ start: 0, end: CLAIMED_CELLS }),
    );
    await Promise.all([user.board.watch({ start: 0, end: BOARD_CELLS }), ...claimBoards].map(({ ready }) => ready));
    return user;
  }

  write(): void {
    this.#isWriting = true;
    this.#writing = this.#run();
  }

  /** Resolves when the write under way is settled. */
  async rest(): Promise<void> {
    this.#isWriting = false;
    await this.#writing;
  }

  shows(registers: number): State {
    return stateOf((cell) => this.board.get(cell) === true, registers, this.board.checked);
  }

  /** What it shows of the boards with claims. */
  claimed(): Claimed["users"][number] {
    const boards = [...this.#claimBoards];
    const cells = Array.from({ length: CLAIMED_CELLS }, (_, index) => index);
    return {
      checked: boards.flatMap(([name, board]) => cells.flatMap((cell) => (board.get(cell) ? cellOf(name, cell) : []))),
      mine: boards.flatMap(([name, board]) => Array.from(board.mine.keys(), (cell) => cellOf(name, cell))),
    };
  }

  close(): void {
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (this.#isWriting) {
      await this.#writeRegister();
      if (this.#random.chance(CONTENDED_PART)) await this.#writeContended();
      if (this.#random.chance(CLAIMS_PART)) await this.#takeOrGiveBack();
      await pause(this.#random.between(0, THINK_MS_MAX));
    }
  }

  async #writeRegister(): Promise<void> {
    const counter = ++this.#counter;
    const bits = bitsOfWord(encodeWord(this.index, counter));
    const register = cellsOfRegister(this.index).map((cell, index) => [cell, bits[index] ?? false] as const);
    const { index, value } = markOf(counter);
    const mark = [cellsOfLedger(this.index)[index] ?? 0, value] as const;
    await this.#set({ kind: "register", register: this.index, counter }, [...register, mark]);
  }

  async #writeContended(): Promise<void> {
    const cell = this.#random.whole(0, CONTENDED_CELLS - 1);
    const value = this.#random.chance(0.5);
    await this.#set({ kind: "cell", cell, value }, [[contendedCell(cell), value]]);
  }

  async #takeOrGiveBack(): Promise<void> {
    const [name, board] = this.#random.pick([...this.#claimBoards]);
    const cell = this.#random.whole(0, CLAIMED_CELLS - 1);
    const value = !board.mine.has(cell);
    await this.#set({ kind: "claim", cell: cellOf(name, cell), value }, [[cell, value]], board);
  }

  /** All cells in one task, so that they travel as one write. */
  async #set(
    target: Target,
    cells: readonly (readonly [cell: number, value: boolean])[],
    board = this.board,
  ): Promise<void> {
    const settle = this.#history.invoke(this.index, target);
    const results = await Promise.allSettled(cells.map(([cell, value]) => board.set(cell, value)));
    const failure = results.find((result) => result.status === "rejected");
    if (!failure) this.acknowledged++;
    settle(failure ? outcomeOf(failure.reason) : "acknowledged");
  }

  /** Not at its own register, which it sees as it wished it to be. */
  #look(register: number): void {
    if (register === this.index) return;
    const bits = cellsOfRegister(register).map((cell) => this.board.get(cell));
    if (bits.some((bit) => bit === undefined)) return;
    const word = wordOfBits(bits.map((bit) => bit === true));
    this.#history.add({ kind: "seen", user: this.index, register, word });
  }
}

function outcomeOf(error: unknown): WriteOutcome {
  if (error instanceof Refusal) return error.rule.outcome;
  throw error;
}
