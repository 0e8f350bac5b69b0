/*
 * A person at a screen. One kind uses the teaching protocol, which all naive versions and
 * SocketScaler speak; the other uses SocketScaler's client library.
 */

import { io, type Socket } from "socket.io-client";
import { bitsOf, watchBoard } from "../../test/support/clients.js";
import { until } from "../../test/support/until.js";
import type { CheckboxUpdate } from "./naive/web-server.js";
import type { Stage } from "./stage.js";

export interface Person {
  /** Checks a box; resolves when the server has acknowledged it. */
  click(cell: number): Promise<void>;
  /** A 0 or 1 for each box. */
  shows(): string;
  isOnline(): boolean;
  /** The number of times that the connection was lost. */
  losses(): number;
}

const RECONNECT_MS = 100;

/** Uses the teaching protocol. `hasState`: the server sends the board first, so wait for it. */
export async function plainPerson(stage: Stage, url: string, cells: number, hasState = false): Promise<Person> {
  let shown: boolean[] = new Array(cells).fill(false);
  let isSent = !hasState;
  let losses = 0;
  const socket: Socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: RECONNECT_MS });
  stage.after(() => socket.close());
  socket.on("state", (state: boolean[]) => {
    shown = [...state];
    isSent = true;
  });
  socket.on("checkbox-update", ({ index, value }: CheckboxUpdate) => {
    shown[index] = value;
  });
  socket.on("disconnect", () => losses++);
  await until("the client is connected and has the board", () => socket.connected && isSent);
  return {
    click: (index) => socket.emitWithAck("checkbox-update", { index, value: true }),
    shows: () => shown.map(Number).join(""),
    isOnline: () => socket.connected,
    losses: () => losses,
  };
}

/** Uses the client library. */
export async function libraryPerson(stage: Stage, url: string | readonly string[]): Promise<Person> {
  const { client, board, close } = await watchBoard(url);
  stage.after(close);
  let losses = 0;
  client.on("state", ({ connected }) => {
    if (!connected) losses++;
  });
  return {
    click: (cell) => board.set(cell, true),
    shows: () => bitsOf(board),
    isOnline: () => client.state.connected,
    losses: () => losses,
  };
}

/** The number of checked boxes among `first` … `first + count - 1`. */
export function countChecked(shown: string, first: number, count: number): number {
  return shown.slice(first, first + count).replaceAll("0", "").length;
}

export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
