/*
 * One hearing: the clients of the judge at one board, the boxes that they may change, and how long
 * this server takes. The scenes play in it. It decides nothing: findings.ts does.
 *
 *     witness   watches from beginning to end and never clicks; at least two
 *     writer    clicks
 *     newcomer  opened by a scene, and closed by it
 */

import { countOf } from "../../protocol/count.js";
import type { Adapter } from "../adapters/adapter.js";
import { type BoardState, CELLS_MIN } from "../adapters/board-state.js";
import { BadAnswer, Interrupted } from "../adapters/errors.js";
import { type Click, Guest } from "./guest.js";
import { Screen } from "./screen.js";
import { fail, readBoard, visitTo } from "./visit.js";
import { waitFor, whileWaiting } from "./wait.js";

/** Boxes for the scenes, besides one for each writer. */
const POOL_CELLS_MAX = 96;
const WRITERS_MIN = 4;
const WITNESSES_MIN = 2;
/** With the newcomers of a scene. */
export const CLIENTS_MAX = 24;
/** With the boxes of up to eight writers. */
export const CELLS_TOUCHED_MAX = POOL_CELLS_MAX + 8;
const FENCE_TRIES = 2;
/** For many clicks made in one go, which a server may handle one after the other. */
const ALL_MS_MAX = 8_000;
/** A client that lacks something this long after everything arrived will keep lacking it. */
const GRACE_MS = { least: 2_500, most: 5_000, times: 5 } as const;

interface OpenOptions {
  readonly screen?: Screen;
  readonly turn?: () => Promise<void>;
}

export class Hearing {
  /** Those among which one board was found. */
  urls: readonly string[];
  readonly adapter: Adapter;
  /** The board as it was found at the first URL. */
  readonly before: BoardState;
  /** Ends all waiting. The end of a run has a signal of its own. */
  signal: AbortSignal;
  readonly witnesses: Guest[] = [];
  readonly writers: Guest[] = [];
  /** Every box that was clicked, or that a hostile message changed. */
  readonly touched = new Set<number>();
  /** Clicks that were acknowledged or shown, and are missing from the stored board. */
  vanished = 0;
  /** Clicks that are stored and never reached a client that was connected. */
  strays = 0;
  /** From a click to the last witness that shows it, as measured at the beginning. */
  seenMs = 0;
  /** Clicks made at the same moment were lost. */
  losesUpdates = false;
  /** Changes of boxes that the judge never touched, and that its hostile messages caused. */
  damaging = 0;
  /** Boxes at instances that are other boards, and that do not have their old values. */
  leftElsewhere = 0;
  /** The server acknowledges clicks. */
  isAnswering = false;
  /** Requests by HTTP. Most are readings of the board. */
  readonly asked = { count: 0 };
  readonly #guests = new Set<Guest>();
  readonly #pool: readonly number[];
  #next = 0;

  /** The board as it was found at each URL: they differ if it is not one board. */
  readonly #found: ReadonlyMap<string, BoardState>;

  private constructor(urls: readonly string[], adapter: Adapter, found: readonly BoardState[], signal: AbortSignal) {
    const before = at(found, 0);
    this.urls = urls;
    this.adapter = adapter;
    this.before = before;
    this.#found = new Map(urls.map((url, index) => [url, at(found, index)]));
    this.signal = signal;
    const size = before.cells.length;
    const count = Math.min(POOL_CELLS_MAX, size - this.#writerCount);
    // The last boxes, which fewer people look at.
    this.#pool = Array.from({ length: count }, (_, index) => size - count + index);
  }

  static async open(urls: readonly string[], adapter: Adapter, signal: AbortSignal): Promise<Hearing> {
    const asked = { count: 0 };
    const boards = await Promise.all(urls.map((url) => readBoard(adapter, url, signal, { asked })));
    const [before] = boards;
    if (!before) throw new BadAnswer("no URL was given");
    const size = before.cells.length;
    const other = boards.findIndex(({ cells }) => cells.length !== size);
    if (other > 0) {
      throw new BadAnswer(
        `${urls[0]} has ${countOf(size, "box", "boxes")} and ${urls[other]} has ${boards[other]?.cells.length}: give only URLs of one board`,
      );
    }
    if (size < CELLS_MIN) {
      throw new BadAnswer(`${urls[0]} has ${countOf(size, "box", "boxes")}: the judge needs at least ${CELLS_MIN}`);
    }
    const hearing = new Hearing(urls, adapter, boards, signal);
    hearing.asked.count = asked.count;
    try {
      await hearing.#seat();
    } catch (error) {
      hearing.close();
      throw error;
    }
    return hearing;
  }

  foundAt(url: string): BoardState {
    return this.#found.get(url) ?? this.before;
  }

  get size(): number {
    return this.before.cells.length;
  }

  get graceMs(): number {
    return Math.min(GRACE_MS.most, Math.max(GRACE_MS.least, GRACE_MS.times * this.seenMs));
  }

  /** The box in which only this writer clicks. */
  cellOf(writer: Guest): number {
    return (this.#pool[0] ?? 0) - 1 - this.writers.indexOf(writer);
  }

  writer(index: number): Guest {
    return at(this.writers, index);
  }

  url(index: number): string {
    return at(this.urls, index);
  }

  /** The next boxes of the pool, at most as many as it has. */
  take(count: number): number[] {
    return Array.from({ length: Math.min(count, this.#pool.length) }, () => at(this.#pool, this.#next++));
  }

  /** The witness at this URL. */
  witnessAt(url: string): Guest {
    return this.witnesses.find((witness) => witness.url === url) ?? at(this.witnesses, 0);
  }

  shown(cell: number): boolean {
    return at(this.witnesses, 0).screen.at(cell);
  }

  async enter(url: string, { screen = this.newScreen(), turn }: OpenOptions = {}): Promise<Guest> {
    const guest = await whileWaiting(this.signal, (signal) =>
      Guest.open(this.adapter, visitTo(url, signal, { turn, asked: this.asked }), screen),
    ).catch((error) => fail(url, error));
    this.#guests.add(guest);
    return guest;
  }

  newScreen(): Screen {
    return new Screen(this.size, (cell) => this.touched.has(cell));
  }

  async read(url: string): Promise<BoardState> {
    return readBoard(this.adapter, url, this.signal, { asked: this.asked });
  }

  set(writer: Guest, cell: number, value: boolean): Click {
    this.touched.add(cell);
    return writer.set(cell, value);
  }

  /**
   * Clicks, and waits until the witness at the writer's URL shows the box so. Undefined if it does
   * not within the time of grace.
   */
  async click(writer: Guest, cell: number, value: boolean): Promise<Click | undefined> {
    const { screen } = this.witnessAt(writer.url);
    const click = this.set(writer, cell, value);
    const isDone = await this.wait(() => click.answer === "refused" || screen.at(cell) === value);
    if (click.answer === "refused") throw new Interrupted("the server refused an ordinary click");
    if (isDone) return click;
    await this.#countStray(writer, cell, value);
    return undefined;
  }

  /** If the click is stored, and a later one has arrived, its message was lost on the way. */
  async #countStray(writer: Guest, cell: number, value: boolean): Promise<void> {
    const witness = this.witnessAt(writer.url);
    if (!(await this.fence([writer], [witness])) || witness.screen.at(cell) === value) return;
    const { cells } = await this.read(writer.url);
    if (cells[cell] === value) this.strays++;
    witness.screen.board(cells);
  }

  /** Flips a box for a writer, and returns what it now should be. */
  async flip(writer: Guest, cell: number): Promise<{ cell: number; value: boolean; isSeen: boolean }> {
    const value = !this.witnessAt(writer.url).screen.at(cell);
    const click = await this.click(writer, cell, value);
    return { cell, value, isSeen: click !== undefined };
  }

  /**
   * True if a click of each writer, made now, has arrived at every one of `guests`. All that was
   * sent before should then be there too. This tells a slow server from one that loses messages.
   * One click at a time, and a second one if the first was itself lost.
   */
  async fence(writers: readonly Guest[], guests: readonly Guest[]): Promise<boolean> {
    for (const writer of writers) {
      let isThere = false;
      for (let tries = 0; tries < FENCE_TRIES && !isThere; tries++) {
        const cell = this.cellOf(writer);
        const value = !this.witnessAt(writer.url).screen.at(cell);
        this.set(writer, cell, value);
        isThere = await this.wait(() => guests.every(({ screen }) => screen.at(cell) === value));
      }
      if (!isThere) return false;
    }
    return true;
  }

  wait(isSo: () => boolean, ms = this.graceMs): Promise<boolean> {
    return waitFor(isSo, ms, this.signal);
  }

  /** Waits longer the more clicks were made in one go. */
  waitForAll(isSo: () => boolean, clicks: number): Promise<boolean> {
    return this.wait(isSo, Math.min(ALL_MS_MAX, this.graceMs + clicks * this.seenMs));
  }

  /** Reads the board again and again, at most `times`, until `isSo`. Returns the last reading. */
  async readUntil(url: string, isSo: (board: BoardState) => boolean, times = 4): Promise<BoardState> {
    let board = await this.read(url);
    for (let count = 1; count < times && !isSo(board); count++) {
      await this.wait(() => false, this.graceMs / (times - 1));
      board = await this.read(url);
    }
    return board;
  }

  /** From now on, only the first URL is judged. */
  async narrow(): Promise<void> {
    this.urls = this.urls.slice(0, 1);
    for (const guest of [...this.witnesses, ...this.writers]) if (guest.url !== this.urls[0]) guest.leave();
    await this.refill();
  }

  /** Replaces witnesses and writers that are not connected. */
  async refill(): Promise<void> {
    for (const guests of [this.witnesses, this.writers]) {
      for (const [seat, guest] of guests.entries()) {
        if (!guest.isOnline) guests[seat] = await this.enter(this.url(seat));
      }
    }
  }

  /** Shows the witnesses the stored board, as a reload of a page does. */
  async reload(): Promise<void> {
    for (const url of this.urls) {
      const { cells } = await this.read(url);
      for (const witness of this.witnesses) if (witness.url === url) witness.screen.board(cells);
    }
  }

  /** Throws if the server has ended a connection that stays. */
  requireAll(): void {
    this.signal.throwIfAborted();
    const lost = [...this.witnesses, ...this.writers].find(({ isOnline }) => !isOnline);
    if (lost) throw new Interrupted(`the server ended a connection (${lost.screen.lostWhy ?? "without a reason"})`);
  }

  close(): void {
    for (const guest of this.#guests) guest.leave();
    this.#guests.clear();
  }

  get foreign(): number {
    return Math.max(0, ...this.witnesses.map(({ screen }) => screen.foreign - this.damaging));
  }

  get #writerCount(): number {
    return Math.max(WRITERS_MIN, this.urls.length);
  }

  async #seat(): Promise<void> {
    const seats = Math.max(WITNESSES_MIN, this.urls.length);
    while (this.witnesses.length < seats) this.witnesses.push(await this.enter(this.url(this.witnesses.length)));
    while (this.writers.length < this.#writerCount) this.writers.push(await this.enter(this.url(this.writers.length)));
  }
}

/** Of a list in turns. */
function at<Item>(list: readonly Item[], index: number): Item {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("an empty list");
  return item;
}
