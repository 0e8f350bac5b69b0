/* The two doors of an instance, for tests of what a client can do through either. */

import type { ConnectOptions } from "../../src/client/index.js";

export interface Door {
  readonly name: "the lane" | "Socket.IO";
  /** For `connect`. */
  readonly options: ConnectOptions;
}

const DOORS: readonly Door[] = [
  { name: "the lane", options: {} },
  { name: "Socket.IO", options: { lanePath: false } },
];

/** Defines tests for each door. Their names, or that of the suite around them, name the door. */
export function forEachDoor(define: (door: Door) => void): void {
  for (const door of DOORS) define(door);
}
