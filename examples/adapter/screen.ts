/* A screen: a stock Socket.IO client on the adapter's board, or the client library on ours. */

import { io } from "socket.io-client";
import { bitsOf, watchBoard } from "../../test/support/clients.js";
import { until } from "../../test/support/until.js";
import type { Stage } from "../tutorial/stage.js";

export interface Screen {
  /** Sets a box; resolves when the server has acknowledged it. */
  set(cell: number, value: boolean): Promise<unknown>;
  /** A 0 or 1 for each box. */
  shows(): string;
}

const RECONNECT_MS = 100;
/** As Socket.IO's documentation advises for at-least-once delivery. */
const RETRIES = { retries: 10, ackTimeout: 500 };

export async function adapterScreen(stage: Stage, url: string, cells: number): Promise<Screen> {
  let shown: boolean[] = new Array(cells).fill(false);
  let hasBoard = false;
  const options = { transports: ["websocket"], forceNew: true, reconnectionDelay: RECONNECT_MS, ...RETRIES };
  const socket = io(url, options);
  stage.after(() => socket.close());
  socket.on("state", (state: boolean[]) => {
    shown = [...state];
    hasBoard = true;
  });
  socket.on("checkbox-update", ({ index, value }: { index: number; value: boolean }) => {
    shown[index] = value;
  });
  await until("the client has the board", () => hasBoard);
  return {
    set: (index, value) => socket.emitWithAck("checkbox-update", { index, value }),
    shows: () => shown.map(Number).join(""),
  };
}

export async function ourScreen(stage: Stage, url: string): Promise<Screen> {
  const { board, close } = await watchBoard(url);
  stage.after(close);
  return { set: (cell, value) => board.set(cell, value), shows: () => bitsOf(board) };
}

/** The number of boxes in which two boards differ. */
export function differences(one: string, other: string): number {
  return Array.from(one).filter((bit, cell) => bit !== other[cell]).length;
}
