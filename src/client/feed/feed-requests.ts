/*
 * The HTTP requests of a feed. The only file of the client that sends any. They carry no cookies
 * and no token, so the answers are those for everybody.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import type { readSnapshotHead } from "../../protocol/codec.js";
import type { decodeDown } from "../../protocol/lane.js";
import type { ErrorCode, Refusal, refusalFrom } from "../../protocol/refusal.js";
import type { below } from "../links/endpoints.js";

/**
 * Code that the library has loaded already. Imports of it would make bundlers cut the library into
 * more files, which compress worse.
 */
export type LoadedCode = readonly [typeof below, typeof decodeDown, typeof readSnapshotHead, typeof refusalFrom];

export interface FeedAnswer {
  readonly status: number;
  readonly etag: string;
  readonly body: Uint8Array;
}

export const ANSWER_MS_MAX = 5_000;

/** URLs whose feed has worked in this program. If it fails later, the network is the cause. */
const proven = new Set<string>();

/** Ends the work for a page that is no longer watched, or for a link that has ended. */
export class Stopped extends Error {}

/**
 * A request that led to nothing. `refusal` is that of an instance which failed, or is away.
 *
 * late      no answer in time
 * lost      no answer
 * failed    a server error
 * refused   anything else: something that only a socket may have, or no instance at all
 */
export class FeedFailure extends Error {
  readonly kind: "late" | "lost" | "failed" | "refused";
  readonly refusal: Refusal | undefined;

  constructor(kind: FeedFailure["kind"], refusal?: Refusal, cause?: unknown) {
    super(kind, { cause });
    this.kind = kind;
    this.refusal = refusal;
  }

  has(...codes: readonly ErrorCode[]): boolean {
    return this.refusal !== undefined && codes.includes(this.refusal.code);
  }
}

export class FeedRequests {
  readonly loaded: LoadedCode;
  readonly #url: string;
  readonly #clock: Clock;

  constructor(url: string, clock: Clock, loaded: LoadedCode) {
    this.loaded = loaded;
    this.#url = url;
    this.#clock = clock;
  }

  get isProven(): boolean {
    return proven.has(this.#url);
  }

  prove(): void {
    proven.add(this.#url);
  }

  /**
   * Answers with the statuses 200, 204 and 410, and 404 if the board or page does not exist.
   * Rejects with Stopped or FeedFailure.
   */
  async get(path: string, stop: AbortSignal, msMax = ANSWER_MS_MAX): Promise<FeedAnswer> {
    const request = new AbortController();
    const abort = () => request.abort();
    stop.addEventListener("abort", abort);
    let isLate = false;
    const cancel = this.#clock.after(msMax, () => {
      isLate = true;
      abort();
    });
    try {
      if (stop.aborted) throw new Stopped();
      // A browser would use its own copy although it is old.
      const [locate] = this.loaded;
      const init: RequestInit = { signal: request.signal, credentials: "omit", cache: "no-cache" };
      const response = await fetch(locate(this.#url, path), init);
      const body = new Uint8Array(await response.arrayBuffer());
      return this.#judged({ status: response.status, etag: response.headers.get("etag") ?? "", body });
    } catch (error) {
      if (stop.aborted) throw new Stopped();
      if (error instanceof FeedFailure) throw error;
      throw new FeedFailure(isLate ? "late" : "lost", undefined, error);
    } finally {
      cancel();
      stop.removeEventListener("abort", abort);
    }
  }

  /** Rejects with Stopped. */
  async pause(ms: number, stop: AbortSignal): Promise<void> {
    await new Promise<void>((done) => {
      const end = () => {
        cancel();
        stop.removeEventListener("abort", end);
        done();
      };
      const cancel: Cancel = this.#clock.after(Math.max(0, ms), end);
      stop.addEventListener("abort", end);
      if (stop.aborted) end();
    });
    if (stop.aborted) throw new Stopped();
  }

  #judged(answer: FeedAnswer): FeedAnswer {
    const { status } = answer;
    if (status === 200 || status === 204 || status === 410) return answer;
    const [, , , refusalFrom] = this.loaded;
    const refusal = refusalFrom(jsonIn(answer).error);
    if (status === 404 && (refusal.code === "UNKNOWN_BOARD" || refusal.code === "PAGE_OUT_OF_RANGE")) return answer;
    // A rate limit passes, and so does a failure of the instance.
    const passes = status >= 500 ? refusal.code !== "BUSY" : refusal.code === "RATE_LIMITED";
    throw passes ? new FeedFailure("failed", refusal) : new FeedFailure("refused");
  }
}

/** Empty if the answer is no object. */
export function jsonIn({ body }: FeedAnswer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return {};
  }
}
