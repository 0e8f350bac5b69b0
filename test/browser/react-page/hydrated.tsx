/* A page that a server renders: the same component there and in the browser. */
/** @jsxRuntime automatic */

import { useEffect, useRef } from "react";
import type { Client } from "../../../src/client/index.js";
import { BoardsProvider, useBoard, useConnection } from "../../../src/react/index.js";

function Seats({ initialBits }: { initialBits: Uint8Array }) {
  const { cells, isReady } = useBoard("rendered", { start: 0, end: 8, initialBits });
  const { connected } = useConnection();
  const output = useRef<HTMLOutputElement>(null);
  useEffect(() => output.current?.setAttribute("data-hydrated", ""), []);
  return (
    <output ref={output} data-ready={isReady} data-connected={connected}>
      {cells.map((checked) => (checked ? "1" : "0")).join("")}
    </output>
  );
}

export function Page({ client, initialBits }: { client: Client | undefined; initialBits: Uint8Array }) {
  return (
    <BoardsProvider client={client}>
      <Seats initialBits={initialBits} />
    </BoardsProvider>
  );
}
