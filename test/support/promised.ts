/* Calls that answer through a callback, as promises: for tests that await one of them. */

import type { Changes } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import type { Position } from "../../src/board/position.js";
import type { Writer } from "../../src/server/writes/writer.js";

/** Rejects with the error that the call throws, or that it settles with. */
export function promised<Result>(call: (settle: (outcome: Result | Error) => void) => void): Promise<Result> {
  return new Promise((done, fail) => {
    call((outcome) => {
      if (outcome instanceof Error) fail(outcome);
      else done(outcome);
    });
  });
}

/** Resolves with a position of the page at which the write is in it. */
export function written(
  writer: Writer,
  page: PageRef,
  session: string,
  seq: number,
  changes: Changes,
): Promise<Position> {
  return promised((settle) => writer.write(page, { session, seq, changes }, settle));
}
