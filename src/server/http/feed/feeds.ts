/*
 * The feeds of an instance, one for each page that is being asked for, or was until recently. Each
 * holds its page as a client that watches it does.
 */

import { pageName } from "../../../board/geometry.js";
import type { Position } from "../../../board/position.js";
import type { Instance } from "../../instance/instance.js";
import type { HostedBoard } from "../../pages/pages.js";
import { type FeedAnswer, PageFeed } from "./page-feed.js";

/** Viewers ask again within a second. After this long without a question, the feed is closed. */
const LINGER_MS = 10_000;

interface OpenFeed {
  readonly feed: PageFeed;
  readonly board: HostedBoard;
  /** Whether the page is still held as it was. */
  readonly isHeld: () => boolean;
  readonly close: () => void;
  asking: number;
  /** When somebody asked last. */
  askedMs: number;
  isChecked: boolean;
}

/** One request's use of a feed. */
interface Asking {
  since(position: Position): Promise<FeedAnswer>;
  /** The request has its answer, or its client has gone. */
  end(): void;
}

export class Feeds {
  readonly #instance: Instance;
  readonly #wallMs: () => number;
  readonly #open = new Map<string, OpenFeed>();

  /** `wallMs` returns milliseconds since 1970. */
  constructor(instance: Instance, wallMs: () => number = Date.now) {
    this.#instance = instance;
    this.#wallMs = wallMs;
    // The pages of a board with another size are dropped before this is called.
    instance.keeper.tell({
      resized: ({ board }) => {
        for (const [name, open] of this.#open) if (open.board === board && !open.isHeld()) this.#close(name, open);
      },
    });
  }

  ask(board: HostedBoard, page: number): Asking {
    const name = pageName({ board: board.name, page });
    const open = this.#open.get(name) ?? this.#start(board, page);
    this.#open.set(name, open);
    open.asking++;
    return {
      since: (position) => open.feed.since(position),
      end: () => {
        open.askedMs = this.#instance.clock.now();
        if (--open.asking > 0) return;
        open.feed.rest();
        if (!open.isChecked) this.#check(name, open, LINGER_MS);
      },
    };
  }

  #start(board: HostedBoard, page: number): OpenFeed {
    const { pages, store, clock } = this.#instance;
    const use = pages.use(board, page);
    const feed = new PageFeed(use.hub.follower, store, { clock, wallMs: this.#wallMs });
    const close = () => {
      feed.close();
      use.release();
    };
    const isHeld = () => pages.isHeld(use.hub);
    return { feed, board, isHeld, close, asking: 0, askedMs: 0, isChecked: false };
  }

  /** Closes a feed that nobody asks any more. */
  #check(name: string, open: OpenFeed, ms: number): void {
    open.isChecked = true;
    this.#instance.keeper.later(ms, () => {
      open.isChecked = false;
      if (open.asking > 0 || this.#open.get(name) !== open) return;
      const leftMs = open.askedMs + LINGER_MS - this.#instance.clock.now();
      if (leftMs > 0) this.#check(name, open, leftMs);
      else this.#close(name, open);
    });
  }

  #close(name: string, open: OpenFeed): void {
    this.#open.delete(name);
    open.close();
  }
}
