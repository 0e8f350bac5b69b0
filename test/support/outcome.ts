import { Refusal } from "../../src/protocol/errors.js";

/** What becomes of a call of `set` or `setAll`: `done`, or the code of its refusal. */
export function outcome(set: Promise<void>): Promise<string> {
  return set.then(
    () => "done",
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}
