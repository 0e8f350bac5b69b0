/* The state of the client and the board, as state of a component. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Board, Client, ErrorBody, ErrorCode } from "../../client/index.js";
import { refusalOf } from "../../protocol/refusal.js";
import { frozenText } from "./permission.js";
import { SendingPace } from "./sending-pace.js";

export interface Live extends ReturnType<typeof read> {
  readonly roundTripMs: number | undefined;
  /** Whether a change was refused because the token had expired. */
  readonly isTokenExpired: boolean;
  readonly failure: ErrorBody | undefined;
}

export function useLive(client: Client, board: Board): Live {
  const [live, setLive] = useState<Live>(() => ({
    ...read(client, board),
    roundTripMs: undefined,
    isTokenExpired: false,
    failure: undefined,
  }));
  useEffect(() => {
    const update = (some: Partial<Live> = {}) => setLive((before) => ({ ...before, ...read(client, board), ...some }));
    update();
    board.ready.then(
      () => update(),
      (error: unknown) => update({ failure: refusalOf(error).toBody() }),
    );
    const undo = [
      client.on("state", () => update()),
      board.on("size", () => update()),
      board.on("status", () => update(removed(board))),
      board.on("change", (changes) => changes.some(({ mine }) => mine) && update()),
      board.on("right", () => update()),
      board.on("people", () => update()),
      board.on("refused", ({ code }) => update(code === "TOKEN_EXPIRED" ? { isTokenExpired: true } : {})),
      board.on("delayed", () => update()),
      board.on("roundTrip", (roundTripMs) => update({ roundTripMs })),
    ];
    return () => {
      for (const off of undo) off();
    };
  }, [client, board]);
  return live;
}

/** The board may be removed while it is shown. */
function removed({ failure }: Board): Partial<Live> {
  return failure?.code === "UNKNOWN_BOARD" ? { failure: failure.toBody() } : {};
}

/** `size` is 0 until known; `waiting` counts this user's changes that have no answer yet. */
function read(client: Client, board: Board) {
  const { status, size, instance, right, pending, people } = board;
  const isViewer = right === "view";
  return { connection: client.state, status, size, instance, right, isViewer, people, waiting: pending };
}

/** A text about the frozen cells. `look` describes how they look. */
export function useFrozen(board: Board, look: string): string | undefined {
  const [text, setText] = useState(() => frozenText(board, look));
  useEffect(() => board.on("frozen", () => setText(frozenText(board, look))), [board, look]);
  return text;
}

/** A text that changes as time passes, read four times a second while `isLive`. */
export function useTicking(isLive: boolean, read: () => string | undefined): string | undefined {
  const [, setText] = useState<string>();
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    if (!isLive) return;
    const timer = setInterval(() => setText(latest.current()), TICK_MS);
    return () => clearInterval(timer);
  }, [isLive]);
  return read();
}

const WIDE = "(min-width: 60rem)";

/** Whether the window has room for the jump to a number in the header, and for an open overview. */
export function useIsWide(): boolean {
  const [isWide, setWide] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const media = matchMedia(WIDE);
    const update = () => setWide(media.matches);
    media.addEventListener("change", update);
    return () => media.removeEventListener("change", update);
  }, []);
  return isWide;
}

export interface Delay {
  readonly code: ErrorCode;
  /** Until the next attempt. */
  readonly secondsLeft: number;
  /** Until nothing waits; undefined while that is not known. */
  readonly secondsToGo: number | undefined;
}

const TICK_MS = 250;

function isSame(one: Delay | undefined, other: Delay): boolean {
  const { code, secondsLeft, secondsToGo } = other;
  return one?.code === code && one.secondsLeft === secondsLeft && one.secondsToGo === secondsToGo;
}

/** The current delay: from the server's request to wait until no change is pending. */
export function useDelay(board: Board): Delay | undefined {
  const [delay, setDelay] = useState<Delay>();
  useEffect(() => {
    let timer: ReturnType<typeof setInterval> | undefined;
    const pace = new SendingPace();
    const off = board.on("delayed", ({ code, retryAfterMs }) => {
      const endMs = performance.now() + retryAfterMs;
      const tick = () => {
        const isOver = board.pending === 0;
        if (isOver) clearInterval(timer);
        const nowMs = performance.now();
        pace.note(board.pending, nowMs);
        const secondsLeft = Math.max(1, Math.ceil((endMs - nowMs) / 1000));
        const next = { code, secondsLeft, secondsToGo: pace.secondsToGo(nowMs) };
        setDelay((before) => (isOver ? undefined : isSame(before, next) ? before : next));
      };
      clearInterval(timer);
      timer = setInterval(tick, TICK_MS);
      tick();
    });
    return () => {
      off();
      clearInterval(timer);
    };
  }, [board]);
  return delay;
}
