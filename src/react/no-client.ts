/* The board that is used without a client: while a server renders, and for its markup. */

import { Refusal } from "../protocol/refusal.js";
import type { SourceBoard } from "./board-source.js";

const never = new Promise<never>(() => undefined);
const nothing = () => undefined;

export const NO_BOARD: SourceBoard = {
  ready: never,
  size: 0,
  right: undefined,
  claims: undefined,
  mine: new Map(),
  isTaken: () => false,
  failure: undefined,
  get: nothing,
  set: () =>
    Promise.reject(
      new Refusal("CLOSED", { message: "BoardsProvider has no client, so nothing was changed. Pass it a client." }),
    ),
  watch: () => ({ ready: never, stop: nothing, [Symbol.dispose]: nothing }),
  on: () => nothing,
};
