/*
 * A link over the feed: requests that shared caches answer, in place of a socket. It only reads.
 *
 *     open      GET boards/NAME
 *     watch     GET boards/NAME/pages/N, then …/since/POSITION again and again (feed-page.ts)
 *     overview  GET boards/NAME/counts, every few seconds
 *
 * It ends at the first write, and if the feed is refused, too slow, or not enough. The connection
 * then opens a socket, from the same positions. It is loaded when it is needed.
 */

import type { OpenResult, Reply, RequestMap, RequestName } from "../../protocol/events.js";
import type { Refusal } from "../../protocol/refusal.js";
import type { Link, LinkOptions } from "../links/link.js";
import { type FeedBoard, FeedPage, PAGE_CELLS } from "./feed-page.js";
import { type FeedAnswer, FeedFailure, FeedRequests, jsonIn, type LoadedCode, Stopped } from "./feed-requests.js";

/** Each page has a request that waits. A browser sends six at a time to a host. */
const PAGES_MAX = 4;
/** Their handles take one byte. */
const BOARDS_MAX = 128;
/** Boards are looked at this often: they may be resized. */
const CHECK_MS = 30_000;
const COUNTS_MS = 2_000;
/** Counts of more bytes are read less often. */
const COUNTS_BYTES = 4_096;
const COUNTS_RARELY_MS = 10_000;
/** As an instance has them by default. A socket states its own. */
const LIMITS: OpenResult["limits"] = {
  writeCellsMax: 512,
  writesInFlightMax: 32,
  watchedPagesMax: 1_024,
  watchPagesMax: 256,
};

interface OpenBoard extends FeedBoard {
  readonly pages: Map<number, FeedPage>;
  /** While the counts are watched. */
  counting: AbortController | undefined;
}

export class FeedLink implements Link {
  readonly protocol = 1;
  /** Whether to leave the feed alone for a while. */
  isRefused = false;
  readonly #options: LinkOptions;
  readonly #requests: FeedRequests;
  readonly #boards: OpenBoard[] = [];
  readonly #stop = new AbortController();
  #isAsked = false;
  #isUp = false;
  #isOver = false;

  constructor(options: LinkOptions, ...loaded: LoadedCode) {
    const { url, clock } = options;
    this.#options = options;
    this.#requests = new FeedRequests(url, clock, loaded);
    queueMicrotask(() => this.#run(() => this.#greet()));
    const pauseMs = () => CHECK_MS * (0.75 + clock.random() / 2);
    this.#repeat(this.#stop.signal, pauseMs, async () => {
      await Promise.all(this.#boards.map((board) => this.#check(board)));
    });
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    answer: (reply: Reply<RequestMap[Name][1]>) => void,
  ): void {
    this.#isAsked = true;
    this.#run(async () => {
      const reply = await this.#answer(name, Object(request));
      // Requests without an answer are settled when the link ends.
      if (!this.#isOver) answer(reply as never);
    });
  }

  close(): void {
    this.#end(undefined);
  }

  async #greet(): Promise<void> {
    const { listener, getToken } = this.#options;
    listener.through();
    // A token may give more rights than everybody has, so a socket has to find out.
    if (await getToken?.().catch(() => "none")) throw new FeedFailure("refused");
    if (this.#isOver) return;
    listener.asked();
    // Boards are opened in this call. Until there is one, nothing can fail.
    listener.opened();
    if (!this.#isAsked) this.#up();
  }

  #up(): void {
    if (!this.#isUp) this.#options.listener.up();
    this.#isUp = true;
  }

  /** The fields are those of the requests in events.ts. */
  async #answer(name: RequestName, request: Readonly<Record<string, never>>): Promise<unknown> {
    if (name === "open") return this.#open(request.board ?? "");
    const board = this.#boards[request.handle ?? -1];
    if (!board || name === "write") {
      // The connection opens a socket for it.
      queueMicrotask(() => this.#end(undefined));
      throw new Stopped();
    }
    if (name === "overview") {
      await this.#counts(board, Boolean(request.watch));
      return { watching: board.counting !== undefined };
    }
    const pages: RequestMap["watch"][0]["pages"] = request.pages ?? [];
    if (name === "watch") await this.#watch(board, pages);
    else for (const page of pages) this.#leave(board, Number(page));
    return { watching: board.pages.size };
  }

  async #open(name: string): Promise<unknown> {
    const path = `boards/${encodeURIComponent(name)}`;
    const answer = await this.#requests.get(path, this.#stop.signal);
    this.#up();
    if (answer.status === 404) return { error: jsonIn(answer).error };
    const { access, instance, claims } = jsonIn(answer);
    const size = sizeIn(answer);
    const known = this.#boards.find((board) => board.path === path);
    const board = known ?? { handle: this.#boards.length, path, size, pages: new Map(), counting: undefined };
    // Claims need a socket, because a shared answer must not say whose they are.
    if (claims !== undefined || board.handle >= BOARDS_MAX) throw new FeedFailure("refused");
    board.size = size;
    this.#boards[board.handle] = board;
    return {
      handle: board.handle,
      name,
      size,
      pages: Math.ceil(size / PAGE_CELLS),
      right: access === "open" ? "write" : "view",
      instance,
      // Nobody counts those who have no socket.
      online: 0,
      onlineEverywhere: 0,
      storeAvailable: true,
      limits: LIMITS,
    };
  }

  async #watch(board: OpenBoard, entries: RequestMap["watch"][0]["pages"]): Promise<void> {
    if (board.pages.size + entries.length > PAGES_MAX) throw new FeedFailure("refused");
    const { clock, listener } = this.#options;
    const parts = {
      requests: this.#requests,
      clock,
      listener,
      board,
      check: () => this.#check(board),
      run: (work: () => Promise<void>) => void this.#run(work),
    };
    const joining = entries.map((entry) => {
      const [number, position] = typeof entry === "number" ? [entry, "0.AAAAAAAA"] : entry;
      const page = new FeedPage(number, parts);
      this.#leave(board, number);
      board.pages.set(number, page);
      // A page that is left again at once must not fail the others of the same request.
      return page.join(position).catch(unlessStopped);
    });
    await Promise.all(joining);
  }

  #leave({ pages }: OpenBoard, page: number): void {
    pages.get(page)?.stop();
    pages.delete(page);
  }

  /** The board may have been resized or removed. */
  async #check(board: OpenBoard): Promise<void> {
    const answer = await this.#requests.get(board.path, this.#stop.signal);
    const size = answer.status === 404 ? 0 : sizeIn(answer);
    if (size === board.size) return;
    board.size = size;
    this.#options.listener.resized({ handle: board.handle, size });
  }

  async #counts(board: OpenBoard, isWatched: boolean): Promise<void> {
    board.counting?.abort();
    board.counting = undefined;
    if (!isWatched) return;
    const counting = new AbortController();
    board.counting = counting;
    let pauseMs = COUNTS_MS;
    const read = async () => {
      const { status, body } = await this.#requests.get(`${board.path}/counts`, counting.signal);
      if (status !== 200) return;
      pauseMs = body.length > COUNTS_BYTES ? COUNTS_RARELY_MS : COUNTS_MS;
      // The handle in it is 0.
      const frame = body.slice();
      frame[0] = board.handle;
      this.#options.listener.overview(frame);
    };
    await read();
    this.#repeat(counting.signal, () => pauseMs, read);
  }

  #repeat(stop: AbortSignal, pauseMs: () => number, work: () => Promise<void>): void {
    this.#run(async () => {
      for (;;) {
        await this.#requests.pause(pauseMs(), stop);
        await work();
      }
    });
  }

  /** Runs a part of the work. If it fails, the link has failed. */
  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Stopped || this.#isOver) return;
      const isFailure = error instanceof FeedFailure;
      // A listener of the app has failed.
      if (!isFailure) void Promise.reject(error);
      // If the store is unavailable or the instance is closing, a socket would not help.
      const isForAll = isFailure && error.has("GOING_AWAY", "STORE_AWAY");
      const isLost = isFailure && error.kind === "lost" && this.#requests.isProven;
      this.isRefused = !isForAll && !isLost;
      this.#end(isForAll ? error.refusal : undefined);
    }
  }

  #end(reason: Refusal | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stop.abort();
    for (const { counting, pages } of this.#boards) {
      counting?.abort();
      for (const page of pages.values()) page.stop();
    }
    this.#options.listener.over(reason);
  }
}

function unlessStopped(error: unknown): void {
  if (!(error instanceof Stopped)) throw error;
}

function sizeIn(answer: FeedAnswer): number {
  const { size } = jsonIn(answer);
  // Something other than an instance answers.
  if (typeof size !== "number") throw new FeedFailure("refused");
  return size;
}
