/*
 * One client's conversation on /boards: what it opened, what it watches, and under which session id it writes. Checks
 * each request against the boards and the limits and hands it on; knows nothing of sockets.
 */

import type { Bit } from "../../board/bitmap.js";
import { pageCount, pageOf } from "../../board/geometry.js";
import { GENESIS, type Position } from "../../board/position.js";
import { Refusal } from "../../protocol/errors.js";
import type { OpenResult, OverviewResult, WatchResult, WriteResult } from "../../protocol/events.js";
import { PROTOCOL_VERSION } from "../../protocol/version.js";
import { SEQ_WINDOW } from "../../store/seen.js";
import { ANYBODY, type Visitor } from "../access/access.js";
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
import type { HubUse } from "../pages/shared-hubs.js";
import { commitChanges } from "../writes/commit-changes.js";

/** How long a watch waits for a page that the store does not give. */
const JOIN_MS_MAX = 5_000;
/** An overview counts as so many watched pages: it may be of that size. */
const OVERVIEW_WATCHES = 8;

export interface SessionPeer {
  readonly allowance: Allowance;
  /** Counts the sockets on this instance. */
  online(): number;
  /** Those on all instances, as last told. */
  onlineEverywhere(): number;
  /** Who it is; anybody without it. */
  readonly visitor?: Visitor;
}

/** What a session watches: the hub of a page, or that of an overview. */
interface Watchable {
  unwatch(recipient: Recipient): void;
}

interface Watching<Watched extends Watchable> extends HubUse<Watched> {
  /** The latest request that asked for it: that one alone decides whether it is watched. */
  request: object;
}

export class Session {
  readonly #instance: Instance;
  readonly #recipient: Recipient;
  readonly #peer: SessionPeer;
  readonly #opened = new Map<number, HostedBoard>();
  readonly #watched = new Map<string, Watching<Hub>>();
  readonly #overviews = new Map<HostedBoard, Watching<OverviewHub>>();
  /** Board handle -> the session id that this connection writes under. */
  readonly #writesAs = new Map<number, string>();
  #closed = false;

  constructor(instance: Instance, recipient: Recipient, peer: SessionPeer) {
    this.#instance = instance;
    this.#peer = peer;
    this.#recipient = recipient;
  }

  async open(input: unknown): Promise<OpenResult> {
    const { board: name, protocol } = parseRequest(openRequest, input);
    if (protocol !== PROTOCOL_VERSION) throw new Refusal("UNSUPPORTED_PROTOCOL");
    const board = this.#instance.boards.get(name);
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    this.#instance.access.require(this.#visitor, board.name, "view");
    this.#opened.set(board.handle, board);
    return {
      handle: board.handle,
      name: board.name,
      size: board.size,
      pages: pageCount(board.size),
      right: this.#right(board),
      ...(this.#visitor.problem && { problem: this.#visitor.problem.toBody() }),
      instance: this.#instance.name,
      online: this.#peer.online(),
      onlineEverywhere: this.#peer.onlineEverywhere(),
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
    const board = this.#boardOf(request.handle);
    const wanted = new Map<number, Position>();
    for (const entry of request.pages) {
      const [page, position] = typeof entry === "number" ? [entry, GENESIS] : entry;
      checkPage(board, page);
      wanted.set(page, position);
    }
    let added = 0;
    for (const page of wanted.keys()) if (!this.#watched.has(watchKey(board, page))) added++;
    if (this.#watched.size + added > this.#instance.watchedPagesMax) throw new Refusal("TOO_MANY_PAGES");
    this.#instance.admission.admitWatch(this.#peer.allowance, wanted.size);
    const join = (page: number, position: Position) =>
      this.#join(
        this.#watched,
        watchKey(board, page),
        request,
        () => this.#instance.pages.use(board, page),
        (hub) => hub.watch(this.#recipient, position),
      );
    try {
      await Promise.all(Array.from(wanted, ([page, position]) => join(page, position)));
    } catch (error) {
      // What is refused is refused whole: no page of it is sent, unless a later request asks for it.
      for (const page of wanted.keys()) this.#giveUp(this.#watched, watchKey(board, page), request);
      throw error;
    }
    for (const page of wanted.keys()) {
      const held = this.#watched.get(watchKey(board, page));
      if (held) this.#instance.frozen.tell(held.hub, this.#recipient);
    }
    return { watching: this.#watched.size };
  }

  async unwatch(input: unknown): Promise<WatchResult> {
    const request = parseRequest(unwatchRequest, input);
    const board = this.#boardOf(request.handle);
    for (const page of request.pages) this.#leave(this.#watched, watchKey(board, page));
    return { watching: this.#watched.size };
  }

  async overview(input: unknown): Promise<OverviewResult> {
    const request = parseRequest(overviewRequest, input);
    const board = this.#boardOf(request.handle);
    if (!request.watch) this.#leave(this.#overviews, board);
    else {
      this.#instance.admission.admitWatch(this.#peer.allowance, OVERVIEW_WATCHES);
      try {
        await this.#join(
          this.#overviews,
          board,
          request,
          () => this.#instance.overviews.use(board),
          (hub) => hub.watch(this.#recipient),
        );
      } catch (error) {
        this.#giveUp(this.#overviews, board, request);
        throw error;
      }
    }
    return { watching: this.#overviews.has(board) };
  }

  async write(input: unknown): Promise<WriteResult> {
    const { handle, session, seq, changes } = parseWrite(input);
    const board = this.#boardOf(handle);
    if (changes.length > this.#writeCellsMax) throw new Refusal("TOO_MANY_CELLS");
    const outside = changes.flatMap(([cell]) => (cell >= board.size ? cell : []));
    if (outside.length > 0) throw new Refusal("CELL_OUT_OF_RANGE", { cells: outside });
    if ((this.#writesAs.get(handle) ?? session) !== session) throw new Refusal("SESSION_CHANGED");
    this.#instance.access.require(this.#visitor, board.name, "write");
    this.#writesAs.set(handle, session);
    this.#instance.admission.admitWrite(this.#peer.allowance.address, session, changes.length);
    await this.#instance.access.requireConsent(this.#visitor, board.name, changes);
    try {
      return { at: await commitChanges(this.#instance.writer, board.name, session, seq, changes) };
    } catch (error) {
      if (error instanceof Refusal && isFrozen(error)) this.#showFrozen(board, changes);
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#watched.keys()]) this.#leave(this.#watched, key);
    for (const board of [...this.#overviews.keys()]) this.#leave(this.#overviews, board);
  }

  /** Whoever wrote there did not know, so others may not either. */
  #showFrozen(board: HostedBoard, changes: readonly (readonly [cell: number, value: Bit])[]): void {
    const pages = new Set(changes.map(([cell]) => pageOf(cell)));
    const holds = Array.from(pages, (page) => this.#watched.get(watchKey(board, page)));
    this.#instance.frozen.ask(holds.flatMap((hold) => (hold ? [hold.hub] : [])));
  }

  /** A write of more than the burst could never be admitted. */
  get #writeCellsMax(): number {
    return Math.min(WRITE_CELLS_MAX, this.#instance.admission.limits.writes.burst);
  }

  get #visitor(): Visitor {
    return this.#peer.visitor ?? ANYBODY;
  }

  #right(board: HostedBoard): OpenResult["right"] {
    const right = this.#instance.access.rightOf(this.#visitor, board.name);
    return right === "nothing" ? "view" : right;
  }

  #boardOf(handle: number): HostedBoard {
    const board = this.#opened.get(handle);
    if (!board) throw new Refusal("NOT_OPEN");
    return board;
  }

  /** Watches what `hold` holds, or holds already under this key. */
  async #join<Key, Watched extends Watchable>(
    watched: Map<Key, Watching<Watched>>,
    key: Key,
    request: object,
    hold: () => HubUse<Watched>,
    watch: (hub: Watched) => Promise<void>,
  ): Promise<void> {
    if (this.#closed) return;
    const watching = watched.get(key) ?? { ...hold(), request };
    watching.request = request;
    watched.set(key, watching);
    await this.#instance.within(JOIN_MS_MAX, watch(watching.hub));
  }

  /** `request` failed; a later one for the same goes on. */
  #giveUp<Key>(watched: Map<Key, Watching<Watchable>>, key: Key, request: object): void {
    if (watched.get(key)?.request === request) this.#leave(watched, key);
  }

  #leave<Key>(holds: Map<Key, HubUse<Watchable>>, key: Key): void {
    const held = holds.get(key);
    if (!held) return;
    holds.delete(key);
    held.hub.unwatch(this.#recipient);
    held.release();
  }
}

function isFrozen({ code }: Refusal): boolean {
  return code === "FROZEN" || code === "PARTLY_FROZEN";
}

function watchKey(board: HostedBoard, page: number): string {
  return `${board.handle}:${page}`;
}
