/*
 * The React hook of the package: `socketscaler/react`. The only file that imports react.
 *
 *     const client = connect(location.origin);
 *     <BoardsProvider client={client}><Seats /></BoardsProvider>
 *
 *     function Seats() {
 *       const { cells, set } = useBoard("seats", { start: 0, end: 240 });
 *       return cells.map((checked, cell) => …);
 *     }
 */

"use client";

import { createContext, createElement, type ReactNode, useContext, useMemo, useRef, useSyncExternalStore } from "react";
import { NOT_CONNECTED } from "../client/api/connection-state.js";
import type { Client, ConnectionState } from "../client/index.js";
import { realClock } from "../protocol/clock.js";
import { BoardSource } from "./board-source.js";
import { NO_BOARD } from "./no-client.js";
import { type BoardView, RangeView } from "./range-view.js";

export type { BoardView } from "./range-view.js";

/** Null outside of a provider. */
const ClientContext = createContext<Client | undefined | null>(null);

/** Properties of `BoardsProvider`. */
export interface BoardsProviderProps {
  /**
   * Created once by `connect`, outside of components. The provider does not close it. Undefined on
   * a server that renders web pages, because such a server connects to nothing.
   */
  readonly client: Client | undefined;
  /** The components that use the client. */
  readonly children?: ReactNode;
}

/** Provides the client for `useBoard` and `useConnection` in all components inside. */
export function BoardsProvider({ client, children }: BoardsProviderProps) {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** Options of `useBoard`. */
export interface UseBoardOptions {
  /** The first cell to show. Default: 0. */
  readonly start?: number | undefined;
  /**
   * The cell after the last one to show, at most 262,144 cells after `start`. Default: the end of
   * the board.
   */
  readonly end?: number | undefined;
  /**
   * The cells to show until the range is loaded, and in markup that a server renders. Cell
   * `start + i` is bit `7 - i % 8` of byte `i / 8`. For a whole page, pass `bitsOf(page)` of the
   * server's board. Needs `end`. Read when a range is shown that was not shown before.
   */
  readonly initialBits?: ArrayLike<number> | undefined;
  /** Used instead of a BoardsProvider's client. */
  readonly client?: Client | undefined;
}

/**
 * Shows a range of a board and keeps it up to date while the component is mounted. The component
 * renders again only if the view has changed, so a change of a cell outside the range costs
 * nothing.
 */
export function useBoard(name: string, options: UseBoardOptions = {}): BoardView {
  const client = useClient(options.client);
  const { start = 0, end } = options;
  // An app may make them again whenever it renders.
  const initialBits = useRef(options.initialBits);
  initialBits.current = options.initialBits;
  const view = useMemo(
    () => new RangeView(sourceOf(client, name), start, end, initialBits.current),
    [client, name, start, end],
  );
  return useSyncExternalStore(view.subscribe, view.getSnapshot, view.getServerSnapshot);
}

/** The state of the connection: its instance, and the people online there and everywhere. */
export function useConnection(client?: Client): ConnectionState {
  const given = useClient(client);
  const subscribe = useMemo(() => (listener: () => void) => given?.on("state", listener) ?? nothing, [given]);
  const getState = () => given?.state ?? NOT_CONNECTED;
  return useSyncExternalStore(subscribe, getState, () => NOT_CONNECTED);
}

function nothing(): void {}

function useClient(given: Client | undefined): Client | undefined {
  const provided = useContext(ClientContext);
  const client = given ?? provided;
  if (client === null)
    throw new Error("useBoard needs a client. Wrap its component in a BoardsProvider, or pass the option `client`.");
  return client;
}

const sources = new WeakMap<Client, Map<string, BoardSource>>();

const noSource = new BoardSource(NO_BOARD, realClock);

function sourceOf(client: Client | undefined, name: string): BoardSource {
  if (!client) return noSource;
  const ofClient = sources.get(client) ?? new Map<string, BoardSource>();
  sources.set(client, ofClient);
  const source = ofClient.get(name) ?? new BoardSource(client.board(name), realClock);
  ofClient.set(name, source);
  return source;
}
