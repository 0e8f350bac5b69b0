/*
 * Delivers the changes that another web page left: over a connection of its own, under the session
 * and the numbers of that web page. So a write that had arrived before takes effect once.
 */

import { type Clock, every } from "../../protocol/clock.js";
import type { ErrorCode, Refusal } from "../../protocol/refusal.js";
import type { EarlierChanges } from "../api/connect-options.js";
import type { Line, LineListener } from "../links/line.js";
import type { MustWait } from "../outbox/kept-entries.js";
import { cellsIn, type SavedOutbox } from "../outbox/saved-outbox.js";
import { WatchedPages } from "../watching/watched-pages.js";
import { Opening } from "./opening.js";
import { UserChanges } from "./user-changes.js";

interface Left {
  readonly board: string;
  readonly session: string;
  readonly waiting: SavedOutbox;
}

interface Parts {
  readonly open: (listener: LineListener) => Line;
  readonly clock: Clock;
  readonly progress: (earlier: EarlierChanges) => void;
  /** Called before anything is sent, with all that waits. */
  readonly keep: (waiting: SavedOutbox | undefined) => void;
  readonly mustWait: () => MustWait;
}

const TICK_MS = 1_000;
const ignore = (): void => undefined;
/** Refusals of the client, not of its changes. Another web page may be let in. */
const KEEPS: ReadonlySet<ErrorCode> = new Set(["UNAUTHORIZED", "ORIGIN_REFUSED", "UNSUPPORTED_PROTOCOL"]);

/**
 * Resolves with true once each change is delivered, refused, or too old. Resolves with false if it
 * was broken off: by `signal`, or because the client may not connect.
 */
export function resend({ board, session, waiting }: Left, parts: Parts, signal: AbortSignal): Promise<boolean> {
  const { clock } = parts;
  const all = cellsIn(waiting);
  const counts = { delivered: 0, lost: 0 };
  return new Promise((done) => {
    let isOver = false;
    const end = (isDone: boolean) => {
      if (isOver) return;
      isOver = true;
      cancelTick();
      changes.stop();
      opening.disconnected();
      line.close();
      signal.removeEventListener("abort", abort);
      done(isDone);
    };
    const abort = () => end(false);
    const settle = (error?: Refusal) => {
      counts[error ? "lost" : "delivered"]++;
      const left = all - counts.delivered - counts.lost;
      parts.progress({ board, waiting: left, ...counts });
      // The outbox is between two states here. It is empty after this task.
      if (left === 0) queueMicrotask(() => end(true));
    };
    const giveUp = (reason: Refusal) => {
      if (KEEPS.has(reason.code)) abort();
      else changes.close(reason);
    };
    const line = parts.open({
      opened: () => opening.connected(),
      down: () => {
        opening.disconnected();
        changes.disconnected();
      },
      refused: giveUp,
      up: ignore,
      waiting: ignore,
      delta: ignore,
      snapshot: ignore,
      overview: ignore,
      counts: ignore,
      looking: ignore,
      frozen: ignore,
      resized: ignore,
      mine: ignore,
      notice: ignore,
    });
    const changes = new UserChanges(new WatchedPages({ held: ignore, released: ignore }), line, session, clock, {
      changed: ignore,
      refused: ignore,
      committed: ignore,
      delayed: ignore,
      roundTrip: ignore,
      kept: {
        keep: (rest) => {
          if (!isOver) parts.keep(rest());
        },
        mustWait: parts.mustWait,
      },
    });
    const opening = new Opening(board, session, line, clock, {
      opened: (opened) => changes.connected(opened),
      failed: giveUp,
      problem: ignore,
    });
    const cancelTick = every(clock, TICK_MS, () => changes.expire());
    opening.ready.catch(ignore);
    signal.addEventListener("abort", abort);
    changes.outbox.restore(waiting, settle);
    changes.expire();
  });
}
