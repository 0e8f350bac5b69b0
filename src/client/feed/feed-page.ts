/*
 * Follows one page over the feed. It knows the page's position from the last update that it handed
 * out, and asks for later ones. The replica checks again that every delta fits.
 *
 *     load ──► since ──► since (waits) ──► …        410: the position is unknown, so load again
 */

import { formatPosition, GENESIS } from "../../board/position.js";
import type { Clock } from "../../protocol/clock.js";
import type { LinkListener } from "../links/link.js";
import { ANSWER_MS_MAX, type FeedAnswer, FeedFailure, type FeedRequests, jsonIn } from "./feed-requests.js";

/** The instance waits for 25 s, and a cache in front answers a little later. */
const NEWS_MS_MAX = 35_000;
/** If no news has come by then, a page that was held before is up to date. */
const JOIN_MS = 1_500;
const PAUSE_MS = 1_000;
/** Caches keep old answers for six seconds. */
const LOADS_MAX = 9;
const ATTEMPTS_MAX = 3;
/** As in geometry.ts, which is not imported: see LoadedCode. */
export const PAGE_CELLS = 65_536;
/** The coding of a snapshot that is its bitmap. */
const RAW = 0;

export interface FeedBoard {
  readonly handle: number;
  readonly path: string;
  size: number;
}

interface Parts {
  readonly requests: FeedRequests;
  readonly clock: Clock;
  readonly listener: LinkListener;
  readonly board: FeedBoard;
  /** Finds out whether the board was resized or removed. */
  readonly check: () => Promise<void>;
  /** Runs work that nobody waits for. */
  readonly run: (work: () => Promise<void>) => void;
}

export class FeedPage {
  readonly #parts: Parts;
  readonly #page: number;
  readonly #path: string;
  readonly #stop = new AbortController();

  constructor(page: number, parts: Parts) {
    this.#page = page;
    this.#path = `${parts.board.path}/pages/${page}`;
    this.#parts = parts;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when the page is up to date, and follows it from then on. */
  async join(position: string): Promise<void> {
    const { clock, run } = this.#parts;
    if (position === formatPosition(GENESIS)) {
      const at = await this.#load("");
      run(() => this.#follow(at));
      return;
    }
    await new Promise<void>((done) => {
      const cancel = clock.after(JOIN_MS, done);
      run(() =>
        this.#follow(`${position}.${this.#cells}`, () => {
          cancel();
          done();
        }),
      );
    });
  }

  get #cells(): number {
    return Math.max(0, Math.min(PAGE_CELLS, this.#parts.board.size - this.#page * PAGE_CELLS));
  }

  /** `from` is a position with the page's number of cells. */
  async #follow(from: string, heard: () => void = () => undefined): Promise<void> {
    const { requests, clock } = this.#parts;
    let failures = 0;
    for (let at = from; ; ) {
      const startMs = clock.now();
      try {
        const answer = await requests.get(`${this.#path}/since/${at}`, this.#stop.signal, NEWS_MS_MAX);
        failures = 0;
        if (answer.status === 200) at = this.#take(at, answer.body);
        else {
          // A cache keeps an empty answer for a second, and would give it again and again.
          await this.#pause(startMs + PAUSE_MS - clock.now());
          if (answer.status !== 204) at = await this.#restart(answer, at);
        }
        if (answer.status !== 410) requests.prove();
        heard();
      } catch (error) {
        // A restarted instance is back soon. One that drains is not.
        // One late answer means a lost connection. Two mean that the feed is too slow.
        const isFirst = failures === 0;
        const hasFailed = error instanceof FeedFailure && (error.kind === "late" ? isFirst : error.kind !== "refused");
        const mayPass = hasFailed && requests.isProven && !error.has("GOING_AWAY");
        if (!mayPass || ++failures > ATTEMPTS_MAX) throw error;
        await this.#pause(PAUSE_MS * failures);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return this.#parts.requests.pause(ms, this.#stop.signal);
  }

  /** Hands out the update. Returns the position after it. */
  #take(at: string, body: Uint8Array): string {
    const { listener, board, requests } = this.#parts;
    const [, decodeDown, readSnapshotHead] = requests.loaded;
    const cells = at.slice(at.lastIndexOf("."));
    listener.received?.(body.length);
    const message = decodeDown(body, undefined);
    if (message?.kind === "delta" && message.delta.page === this.#page) {
      const { delta } = message;
      // A change is its offset and its value, and the last one has the largest offset.
      const isFit = (delta.changes.at(-1) ?? 0) < this.#cells * 2;
      if (!isFit || formatPosition(delta.from) + cells !== at) throw new FeedFailure("refused");
      listener.delta({ handle: board.handle, content: delta });
      return formatPosition(delta.to) + cells;
    }
    const head = message?.kind === "snapshot" ? readSnapshotHead(message.bytes) : undefined;
    // Something other than an instance answers.
    if (message?.kind !== "snapshot" || head?.page !== this.#page) throw new FeedFailure("refused");
    // The handle in it is 0, which takes one byte, as every handle of this link does.
    const frame = message.bytes.slice();
    frame[0] = board.handle;
    listener.snapshot(frame);
    return formatPosition(head.position) + cells;
  }

  /** The position leads nowhere: its history was lost, or the board has another size or is gone. */
  async #restart(answer: FeedAnswer, at: string): Promise<string> {
    await this.#parts.check();
    // At this address, no cache has an older state of the page.
    const { position = at } = jsonIn(answer);
    return this.#load(`?${String(position)}`);
  }

  /**
   * Hands out the whole page, and returns its position. A page of another size than the board, or
   * none, means that one of two answers is old. If it is that of the page, the page comes later. If
   * it is that of the board, `check` ends this object.
   */
  async #load(query: string, attempt = 1): Promise<string> {
    const { requests, listener, board, check } = this.#parts;
    const answer = await requests.get(this.#path + query, this.#stop.signal, ANSWER_MS_MAX);
    const [, at, version, tag = "", cells] = /"((\d+)\.([\w-]{8})\.(\d+))"$/.exec(answer.etag) ?? [];
    if (answer.status === 404 || (at !== undefined && Number(cells) !== this.#cells)) {
      await check();
      if (attempt === LOADS_MAX) throw new FeedFailure("refused");
      await this.#pause(PAUSE_MS);
      return this.#load(query, attempt + 1);
    }
    if (at === undefined) throw new FeedFailure("refused");
    listener.received?.(answer.body.length);
    listener.snapshot(frameOf(board.handle, this.#page, Number(version), tag, answer.body));
    return at;
  }
}

/** A snapshot frame (codec.ts) of a bitmap. */
function frameOf(handle: number, page: number, version: number, tag: string, bitmap: Uint8Array): Uint8Array {
  let length = bitmap.length;
  while (length > 0 && bitmap[length - 1] === 0) length--;
  const tagBytes = Array.from(atob(tag.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0));
  const head = [handle, page, version].flatMap(varintOf).concat(tagBytes, RAW);
  const frame = new Uint8Array(head.length + length);
  frame.set(head);
  frame.set(bitmap.subarray(0, length), head.length);
  return frame;
}

function varintOf(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varintOf(Math.floor(value / 128))];
}
