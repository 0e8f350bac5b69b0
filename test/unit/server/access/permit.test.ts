/* What an app's hook permits, and what is made of it where it is malformed. */

import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, test } from "node:test";
import { Refusal } from "../../../../src/protocol/errors.js";
import { authoriser, type Permit } from "../../../../src/server/access/authorise.js";
import { callerOf } from "../../../../src/server/access/caller.js";
import { Guard } from "../../../../src/server/access/guard.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

function ask(permit: unknown) {
  const failures: string[] = [];
  const guard = new Guard(new VirtualClock(), (hook, error) => failures.push(`${hook}: ${error}`));
  // What JavaScript may give, whatever the types say.
  const hook = () => permit as Permit;
  const caller = callerOf("http", new IncomingMessage(new Socket()), undefined);
  return { granted: authoriser(hook, guard, [], () => new Refusal("ORIGIN_REFUSED"))(caller), failures };
}

describe("a permit", () => {
  test("is a grant: without an end for ever, without a name unnamed", async () => {
    const boards = { main: "write" };
    const granted = await ask({ boards }).granted;
    assert.deepEqual([granted?.subject, granted?.expiresMs], ["unnamed", Number.POSITIVE_INFINITY]);
    assert.equal(granted?.mayWrite, undefined);
    const named = await ask({ boards, subject: "ann", expiresMs: 7, mayWrite: () => false }).granted;
    assert.deepEqual([named?.subject, named?.expiresMs], ["ann", 7]);
    assert.equal(await named?.mayWrite?.("main", []), false);
  });

  test("a malformed one is refused whole: no end, subject or consent is made up for it", async () => {
    const boards = { main: "write" };
    const odd = [
      ...[Number.NaN, Number.POSITIVE_INFINITY, "2026-01-01", "1767225600000", null, new Date(0)].map((expiresMs) => ({
        expiresMs,
      })),
      ...[7, null, { id: "ann" }].map((subject) => ({ subject })),
      ...[null, false, true].map((mayWrite) => ({ mayWrite })),
    ];
    for (const part of odd) {
      const { granted, failures } = ask({ boards, ...part });
      await assert.rejects(
        granted,
        (error) => error instanceof Refusal && error.code === "UNDECIDED",
        JSON.stringify(part),
      );
      assert.match(failures.join(), /^authorise: TypeError: authorise returned/);
    }
  });
});
