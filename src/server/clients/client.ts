/*
 * One client: the boards it has open, the pages and overviews it watches, and the session it writes
 * under. Checks each request against the boards and the limits. Does not depend on any door, such
 * as Socket.IO.
 */

import { pageCount, pageOf } from "../../board/geometry.js";
import { GENESIS, type Position } from "../../board/position.js";
import { Refusal, refusalOf } from "../../protocol/errors.js";
import type {
  OpenResult,
  OverviewResult,
  RequestName,
  WatchResult,
  WriteRequest,
  WriteResult,
} from "../../protocol/events.js";
import { SEQ_WINDOW } from "../../store/seen.js";
import type { Visitor } from "../access/access.js";
import { namedOwner, visitorOwner } from "../claims/owners.js";
import type { Presence } from "../fleet/presence.js";
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
import type { Resized, ResizeListener } from "../instance/board-keeper.js";
import { checkPage, type Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import type { OverviewHub } from "../overview/hub.js";
import type { Hub } from "../pages/hub.js";
import type { HostedBoard } from "../pages/pages.js";
import type { Recipient } from "../pages/recipient.js";
import { commitChanges } from "../writes/commit-changes.js";
import { Few } from "./few.js";
import { isResized, type OpenBoard, pageKey, refuseOutside } from "./open-board.js";
import { settleWith } from "./responder.js";
import { Watches } from "./watches.js";

/** The charge for watching an overview, in pages. An overview can be as large as this many. */
const OVERVIEW_WATCHES = 8;

const REQUESTS: ReadonlySet<string> = new Set<RequestName>(["open", "watch", "unwatch", "write", "overview"]);

export function isRequest(name: string): name is RequestName {
  return REQUESTS.has(name);
}

/** A write whose form has been checked. */
type ClientWrite = Omit<WriteRequest, "session"> & { readonly session?: string };

interface ClientOptions {
  /** Version of the protocol that its door speaks. */
  readonly protocol: number;
  readonly recipient: Recipient;
  readonly allowance: Allowance;
  readonly visitor: Visitor;
  /** Number of connections on this instance, on all instances, and of people on a board. */
  readonly presence: Pick<Presence, "online" | "onlineEverywhere" | "people">;
}

export class Client implements ResizeListener {
  readonly #instance: Instance;
  readonly #protocol: number;
  readonly #recipient: Recipient;
  readonly #allowance: Allowance;
  readonly #visitor: Visitor;
  readonly #presence: ClientOptions["presence"];
  /** Handle -> the board. */
  readonly #boards = new Few<number, OpenBoard>();
  readonly #pages: Watches<number, Hub>;
  /** Made when an overview is asked for, as most clients ask for none. */
  #overviews: Watches<HostedBoard, OverviewHub> | undefined;
  /** Requests to watch, which the watches tell apart. */
  #asked = 0;

  constructor(instance: Instance, options: ClientOptions) {
    this.#instance = instance;
    // One by one: an object for them would take as much again.
    this.#protocol = options.protocol;
    this.#recipient = options.recipient;
    this.#allowance = options.allowance;
    this.#visitor = options.visitor;
    this.#presence = options.presence;
    this.#pages = new Watches(options.recipient, instance.clock);
  }

  /** Answers a request of that name. Throws, or calls `settle` once. */
  ask(name: RequestName, input: unknown, settle: (outcome: object) => void): void {
    if (name === "write") this.write(parseWrite(input), settle);
    else if (name === "open" || name === "unwatch") settle(this[name](input));
    else settleWith(this[name](input), settle);
  }

  open(input: unknown): OpenResult {
    const { board: name, protocol, session, resizes = false } = parseRequest(openRequest, input);
    if (protocol !== this.#protocol) throw new Refusal("UNSUPPORTED_PROTOCOL");
    const board = this.#boardNamed(name);
    const visitor = this.#visitor;
    this.#instance.access.require(visitor, board.name, "view");
    const right = this.#instance.access.rightOf(visitor, board.name);
    const known = this.#boards.get(board.handle);
    const opened = known?.board === board ? known : { board, session, resizes, owner: undefined };
    opened.resizes = resizes;
    this.#instance.keeper.tell(this);
    if (session !== undefined) this.#identify(opened, this.#sessionOf(opened, session));
    else if (board.claims) opened.owner ??= namedOwner(visitor);
    this.#boards.set(board.handle, opened);
    this.#instance.audiences.join(board, this.#recipient);
    return {
      handle: board.handle,
      name: board.name,
      size: board.size,
      pages: pageCount(board.size),
      right: right === "nothing" ? "view" : right,
      ...(visitor.problem && { problem: visitor.problem.toBody() }),
      instance: this.#instance.name,
      online: this.#presence.online,
      onlineEverywhere: this.#presence.onlineEverywhere,
      people: this.#presence.people(board),
      storeAvailable: this.#instance.store.available,
      ...(board.claims && { claims: board.claims }),
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
    const board = this.#board("board" in request ? this.#boardNamed(request.board).handle : request.handle);
    const wanted = new Map<number, Position>();
    const asked = this.#asked++;
    for (const entry of request.pages) {
      const [page, position] = typeof entry === "number" ? [entry, GENESIS] : entry;
      // A client that names the board does not know its size yet.
      if ("board" in request && page >= pageCount(board.size)) continue;
      checkPage(board, page);
      wanted.set(page, position);
    }
    const added = Array.from(wanted.keys()).filter((page) => !this.#pages.hub(pageKey(board, page)));
    if (this.#pages.size + added.length > this.#instance.watchedPagesMax) throw new Refusal("TOO_MANY_PAGES");
    const recipient = this.#recipient;
    this.#instance.admission.admitWatch(this.#allowance, wanted.size);
    const join = (page: number, position: Position) =>
      this.#pages.join(
        pageKey(board, page),
        asked,
        () => this.#instance.pages.use(board, page),
        async (hub) => {
          await hub.watch(recipient, position);
          // Before the answer, so that a client knows what is its own when its watch is ready.
          const { owner } = this.#opened(board.handle);
          if (owner !== undefined) await this.#instance.mine.join(hub, owner, recipient);
        },
      );
    try {
      await Promise.all(Array.from(wanted, ([page, position]) => join(page, position)));
    } catch (error) {
      // A watch is refused as a whole, so none of its pages is sent unless a later request asks for
      // it.
      for (const page of wanted.keys()) this.#pages.giveUp(pageKey(board, page), asked);
      throw error;
    }
    for (const page of wanted.keys()) {
      const hub = this.#pages.hub(pageKey(board, page));
      if (hub) this.#instance.frozen.tell(hub, recipient);
    }
    return { watching: this.#pages.size };
  }

  unwatch(input: unknown): WatchResult {
    const request = parseRequest(unwatchRequest, input);
    const board = this.#board(request.handle);
    for (const page of request.pages) this.#pages.leave(pageKey(board, page));
    return { watching: this.#pages.size };
  }

  async overview(input: unknown): Promise<OverviewResult> {
    const request = parseRequest(overviewRequest, input);
    const board = this.#board(request.handle);
    if (!request.watch) this.#overviews?.leave(board);
    else {
      const recipient = this.#recipient;
      this.#overviews ??= new Watches(recipient, this.#instance.clock);
      const asked = this.#asked++;
      this.#instance.admission.admitWatch(this.#allowance, OVERVIEW_WATCHES);
      try {
        await this.#overviews.join(
          board,
          asked,
          () => this.#instance.overviews.use(board),
          (hub) => hub.watch(recipient),
        );
      } catch (error) {
        this.#overviews.giveUp(board, asked);
        throw error;
      }
    }
    return { watching: this.#overviews?.hub(board) !== undefined };
  }

  /** Calls `settle` once. Throws a Refusal before that, if the write may not be made. */
  write(write: ClientWrite, settle: (outcome: WriteResult | Refusal) => void): void {
    const { handle, seq, changes } = write;
    const opened = this.#opened(handle);
    const { board } = opened;
    if (changes.length > this.#writeCellsMax) throw new Refusal("TOO_MANY_CELLS");
    refuseOutside(board, changes);
    const session = this.#sessionOf(opened, write.session);
    const { access, admission, writer } = this.#instance;
    const visitor = this.#visitor;
    access.require(visitor, board.name, "write");
    this.#identify(opened, session);
    admission.admitWrite(this.#allowance.address, session, changes.length);
    const commit = () =>
      commitChanges(writer, { board: board.name, session, seq, changes, owner: opened.owner }, (outcome) => {
        if (!(outcome instanceof Refusal)) return settle({ at: outcome });
        if (outcome.code === "FROZEN" || outcome.code === "PARTLY_FROZEN") this.#showFrozen(board, changes);
        settle(outcome);
      });
    const consent = access.requireConsent(visitor, board.name, changes);
    if (consent) consent.then(commit, (error: unknown) => settle(refusalOf(error)));
    else commit();
  }

  close(): void {
    this.#instance.keeper.forget(this);
    for (const handle of this.#boards.keys()) {
      const opened = this.#boards.get(handle);
      if (opened) this.#instance.audiences.leave(opened.board, this.#recipient);
    }
    this.#pages.close();
    this.#overviews?.close();
  }

  /** The client asks for pages of another size again. */
  resized({ board, before, frame }: Resized): void {
    const opened = this.#boards.get(board.handle);
    if (opened?.board !== board) return;
    this.#pages.leaveThose((key) => isResized(key, board, before));
    if (board.size === 0) this.#instance.audiences.leave(board, this.#recipient);
    if (pageCount(before) !== pageCount(board.size)) this.#overviews?.leave(board);
    if (opened.resizes) this.#recipient.send(frame);
    else this.#recipient.move?.();
  }

  /**
   * This client did not know that the cells are frozen, so other clients may not know it either.
   */
  #showFrozen(board: HostedBoard, changes: ClientWrite["changes"]): void {
    const pages = new Set(changes.map(([cell]) => pageOf(cell)));
    this.#instance.frozen.ask(Array.from(pages).flatMap((page) => this.#pages.hub(pageKey(board, page)) ?? []));
  }

  /** A write larger than the burst could never be admitted. */
  get #writeCellsMax(): number {
    return Math.min(WRITE_CELLS_MAX, this.#instance.admission.limits.writes.burst);
  }

  /** A client has one session on a board, which it states when it opens the board or writes. */
  #sessionOf(opened: OpenBoard, stated: string | undefined): string {
    const session = stated ?? opened.session;
    if (session === undefined) throw new Refusal("BAD_REQUEST", { detail: "`open` named no session" });
    if ((opened.session ?? session) !== session) throw new Refusal("SESSION_CHANGED");
    return session;
  }

  #identify(opened: OpenBoard, session: string): void {
    opened.session = session;
    if (opened.board.claims) opened.owner ??= visitorOwner(this.#visitor, { session });
  }

  #board(handle: number): HostedBoard {
    return this.#opened(handle).board;
  }

  #boardNamed(name: string): HostedBoard {
    const board = this.#instance.boards.get(name);
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    return board;
  }

  #opened(handle: number): OpenBoard {
    const opened = this.#boards.get(handle);
    if (!opened) throw new Refusal("NOT_OPEN");
    if (opened.board.size === 0) throw new Refusal("UNKNOWN_BOARD");
    return opened;
  }
}
