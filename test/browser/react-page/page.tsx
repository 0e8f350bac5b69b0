/* A page whose components show boards with `useBoard`, as the test in react.test.ts asks for. */

import { Component, memo, type ReactNode, StrictMode, useEffect, useLayoutEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "../../../src/client/index.js";
import { BoardsProvider, useBoard, useConnection } from "../../../src/react/index.js";

/** The content of the page; the test replaces it by `shown`. */
export interface Shown {
  readonly cells: readonly { readonly board: string; readonly cell: number }[];
  readonly range?: { readonly board: string; readonly start?: number; readonly end?: number };
}

declare global {
  interface Window {
    show(shown: Shown): void;
    /** Component -> how often it was committed, and mounted. */
    readonly commits: Record<string, number>;
    readonly mounts: Record<string, number>;
  }
}

const commits: Record<string, number> = {};
const mounts: Record<string, number> = {};
Object.assign(window, { commits, mounts });

const query = new URLSearchParams(location.search);
const client = connect(query.getAll("url"), query.has("socketio") ? { lanePath: false } : {});

function count(of: Record<string, number>, name: string): void {
  of[name] = (of[name] ?? 0) + 1;
}

/** Rendered for its own board's sake, and not because the page around it is. */
const Cell = memo(function Cell({ board, cell }: { board: string; cell: number }) {
  const { cells, set } = useBoard(board, { start: cell, end: cell + 1 });
  const name = `${board}:${cell}`;
  useLayoutEffect(() => count(commits, name));
  useEffect(() => count(mounts, name), [name]);
  const [checked] = cells;
  return (
    <input
      type="checkbox"
      data-cell={name}
      disabled={checked === undefined}
      checked={checked ?? false}
      onChange={(event) => set(cell, event.target.checked)}
    />
  );
});

function Range({ board, start, end }: { board: string; start?: number | undefined; end?: number | undefined }) {
  const { cells, size, isReady, right, mine, taken, refusal } = useBoard(board, { start, end });
  useLayoutEffect(() => count(commits, "range"));
  const text = cells.map((checked) => (checked === undefined ? "?" : checked ? "1" : "0")).join("");
  return (
    <output
      data-ready={isReady}
      data-size={size}
      data-right={right}
      data-mine={[...mine.keys()].join()}
      data-end={[...mine.values()][0]}
      data-taken={[...taken].join()}
      data-refusal={refusal?.code}
      title={refusal?.message}
    >
      {text}
    </output>
  );
}

class Boundary extends Component<{ children: ReactNode }, { message: string | undefined }> {
  override state = { message: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { message: String(error) };
  }

  override render() {
    return this.state.message === undefined ? this.props.children : <p role="alert">{this.state.message}</p>;
  }
}

function App() {
  const [{ cells, range }, setShown] = useState<Shown>({ cells: [] });
  const { connected, onlineEverywhere } = useConnection();
  useEffect(() => {
    window.show = setShown;
  }, []);
  return (
    <main data-connected={connected} data-online={onlineEverywhere}>
      {cells.map(({ board, cell }) => (
        <Cell key={`${board}:${cell}`} board={board} cell={cell} />
      ))}
      {range && <Range board={range.board} start={range.start} end={range.end} />}
    </main>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <BoardsProvider client={client}>
        <Boundary>
          <App />
        </Boundary>
      </BoardsProvider>
    </StrictMode>,
  );
}
