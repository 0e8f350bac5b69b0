/*
 * One client: the boards it has open, the pages and overviews it watches, and the session it writes
 * under. Checks each request against the boards and the limits. Does not depend on any door, such
 * as Socket.IO.
 */

import type { Bit } from "../../board/bitmap.js";
import { pageCount, pageOf } from "../../board/geometry.js";
import { GENESIS, type Position } from "../../board/position.js";
import { Refusal } from "../../protocol/errors.js";
import type { OpenResult, OverviewResult, WatchResult, WriteResult } from "../../protocol/events.js";
import { PROTOCOL_VERSION } from "../../protocol/version.js";
import { SEQ_WINDOW } from "../../store/seen.js";
import type { Visitor } from "../access/access.js";
import {
  openRequest,
  overviewRequest,
  parseRequest,
  parseWrite,
  unwatchRequest,
  WATCH_PAGES_MAX,
  WRITE_CELLS_MAX,
  watchRequest,
} from "../input/requests.js";
import { checkPage, type Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import type { OverviewHub } from "../overview/hub.js";
import type { Hub } from "../pages/hub.js";
import type { HostedBoard } from "../pages/pages.js";
import type { Recipient } from "../pages/recipient.js";
import { commitChanges } from "../writes/commit-changes.js";
import { Watches } from "./watches.js";

/** The charge for watching an overview, in pages. An overview can be as large as this many. */
const OVERVIEW_WATCHES = 8;

interface ClientOptions {
  readonly recipient: Recipient;
  readonly allowance: Allowance;
  readonly visitor: Visitor;
  /** Number of connections on this instance, and on all instances. */
  readonly presence: { readonly online: number; readonly onlineEverywhere: number };
}

export class Client {
  readonly #instance: Instance;
  readonly #options: ClientOptions;
  readonly #boards = new Map<number, HostedBoard>();
  readonly #pages: Watches<string, Hub>;
  readonly #overviews: Watches<HostedBoard, OverviewHub>;
  /** Board handle -> the session that this client writes under. */
  readonly #sessions = new Map<number, string>();

  constructor(instance: Instance, options: ClientOptions) {
    this.#instance = instance;
    this.#options = options;
    this.#pages = new Watches(options.recipient, instance.clock);
    this.#overviews = new Watches(options.recipient, instance.clock);
  }

  async open(input: unknown): Promise<OpenResult> {
    const { board: name, protocol } = parseRequest(openRequest, input);
    if (protocol !== PROTOCOL_VERSION) throw new Refusal("UNSUPPORTED_PROTOCOL");
    const board = this.#instance.boards.get(name);
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    const { visitor, presence } = this.#options;
    this.#instance.access.require(visitor, board.name, "view");
    const right = this.#instance.access.rightOf(visitor, board.name);
    this.#boards.set(board.handle, board);
    return {
      handle: board.handle,
      name: board.name,
      size: board.size,
      pages: pageCount(board.size),
      right: right === "nothing" ? "view" : right,
      ...(visitor.problem && { problem: visitor.problem.toBody() }),
      instance: this.#instance.name,
      online: presence.online,
      onlineEverywhere: presence.onlineEverywhere,
      storeAvailable: this.#instance.store.available,
      limits: {
        writeCellsMax: this.#writeCellsMax,
        writesInFlightMax: SEQ_WINDOW,
        watchedPagesMax: this.#instance.watchedPagesMax,
        watchPagesMax: WATCH_PAGES_MAX,
      },
    };
  }

  async watch(input: unknown): Promise<WatchResult> {
    const request = parseRequest(watchRequest, input);
    const board = this.#board(request.handle);
    const wanted = new Map<number, Position>();
    for (const entry of request.pages) {
      const [page, position] = typeof entry === "number" ? [entry, GENESIS] : entry;
      checkPage(board, page);
      wanted.set(page, position);
    }
    const added = Array.from(wanted.keys()).filter((page) => !this.#pages.hub(pageKey(board, page)));
    if (this.#pages.size + added.length > this.#instance.watchedPagesMax) throw new Refusal("TOO_MANY_PAGES");
    const { recipient, allowance } = this.#options;
    this.#instance.admission.admitWatch(allowance, wanted.size);
    const join = (page: number, position: Position) =>
      this.#pages.join(
        pageKey(board, page),
        request,
        () => this.#instance.pages.use(board, page),
        (hub) => hub.watch(recipient, position),
      );
    try {
      await Promise.all(Array.from(wanted, ([page, position]) => join(page, position)));
    } catch (error) {
      // A watch is refused as a whole, so none of its pages is sent unless a later request asks for
      // it.
      for (const page of wanted.keys()) this.#pages.giveUp(pageKey(board, page), request);
      throw error;
    }
    for (const page of wanted.keys()) {
      const hub = this.#pages.hub(pageKey(board, page));
      if (hub) this.#instance.frozen.tell(hub, recipient);
    }
    return { watching: this.#pages.size };
  }

  async unwatch(input: unknown): Promise<WatchResult> {
    const request = parseRequest(unwatchRequest, input);
    const board = this.#board(request.handle);
    for (const page of request.pages) this.#pages.leave(pageKey(board, page));
    return { watching: this.#pages.size };
  }

  async overview(input: unknown): Promise<OverviewResult> {
    const request = parseRequest(overviewRequest, input);
    const board = this.#board(request.handle);
    if (!request.watch) this.#overviews.leave(board);
    else {
      const { recipient, allowance } = this.#options;
      this.#instance.admission.admitWatch(allowance, OVERVIEW_WATCHES);
      try {
        await this.#overviews.join(
          board,
          request,
          () => this.#instance.overviews.use(board),
          (hub) => hub.watch(recipient),
        );
      } catch (error) {
        this.#overviews.giveUp(board, request);
        throw error;
      }
    }
    return { watching: this.#overviews.hub(board) !== undefined };
  }

  async write(input: unknown): Promise<WriteResult> {
    const { handle, session, seq, changes } = parseWrite(input);
    const board = this.#board(handle);
    if (changes.length > this.#writeCellsMax) throw new Refusal("TOO_MANY_CELLS");
    const outside = changes.flatMap(([cell]) => (cell >= board.size ? cell : []));
    if (outside.length > 0) throw new Refusal("CELL_OUT_OF_RANGE", { cells: outside });
    if ((this.#sessions.get(handle) ?? session) !== session) throw new Refusal("SESSION_CHANGED");
    const { access, admission, writer } = this.#instance;
    const { visitor, allowance } = this.#options;
    access.require(visitor, board.name, "write");
    this.#sessions.set(handle, session);
    admission.admitWrite(allowance.address, session, changes.length);
    await access.requireConsent(visitor, board.name, changes);
    try {
      return { at: await commitChanges(writer, board.name, session, seq, changes) };
    } catch (error) {
      const isFrozen = error instanceof Refusal && (error.code === "FROZEN" || error.code === "PARTLY_FROZEN");
      if (isFrozen) this.#showFrozen(board, changes);
      throw error;
    }
  }

  close(): void {
    this.#pages.close();
    this.#overviews.close();
  }

  /**
   * This client did not know that the cells are frozen, so other clients may not know it either.
   */
  #showFrozen(board: HostedBoard, changes: readonly (readonly [cell: number, value: Bit])[]): void {
    const pages = new Set(changes.map(([cell]) => pageOf(cell)));
    this.#instance.frozen.ask(Array.from(pages).flatMap((page) => this.#pages.hub(pageKey(board, page)) ?? []));
  }

  /** A write larger than the burst could never be admitted. */
  get #writeCellsMax(): number {
    return Math.min(WRITE_CELLS_MAX, this.#instance.admission.limits.writes.burst);
  }

  #board(handle: number): HostedBoard {
    const board = this.#boards.get(handle);
    if (!board) throw new Refusal("NOT_OPEN");
    return board;
  }
}

function pageKey(board: HostedBoard, page: number): string {
  return `${board.handle}:${page}`;
}
