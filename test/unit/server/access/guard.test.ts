/* Code of the app around that is slow, throws or never answers. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Refusal } from "../../../../src/protocol/errors.js";
import { DECISION_MS_MAX, Guard } from "../../../../src/server/access/guard.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

function setUp() {
  const clock = new VirtualClock();
  const failures: string[] = [];
  const guard = new Guard(clock, (hook, error) => failures.push(`${hook}: ${String(error)}`));
  return { clock, failures, guard };
}

const codeOf = (error: unknown) => (error instanceof Refusal ? error.code : String(error));

describe("the guard", () => {
  test("gives the answer of a hook, sooner or later", async () => {
    const { guard, failures } = setUp();
    assert.equal(await guard.decide("h", () => 7), 7);
    assert.equal(await guard.decide("h", async () => 8), 8);
    assert.deepEqual(failures, []);
  });

  test("tells a hook's own Refusal as it is, and logs nothing of it", async () => {
    const { guard, failures } = setUp();
    const refused = guard.decide("h", () => Promise.reject(new Refusal("UNAUTHORIZED")));
    assert.equal(await refused.catch(codeOf), "UNAUTHORIZED");
    assert.deepEqual(failures, []);
  });

  test("makes UNDECIDED and one line of whatever else is thrown, now or later", async () => {
    const { guard, failures } = setUp();
    const thrown = guard.decide("h", () => {
      throw new TypeError("no");
    });
    assert.equal(await thrown.catch(codeOf), "UNDECIDED");
    assert.equal(await guard.decide("h", () => Promise.reject("never")).catch(codeOf), "UNDECIDED");
    assert.deepEqual(failures, ["h: TypeError: no", "h: never"]);
  });

  test("gives up on a hook that does not answer, and ignores its later answer", async () => {
    const { guard, failures, clock } = setUp();
    let late: (error: Error) => void = () => undefined;
    const asked = guard
      .decide(
        "h",
        () =>
          new Promise<never>((_, fail) => {
            late = fail;
          }),
      )
      .catch(codeOf);
    await clock.pass(DECISION_MS_MAX - 1);
    assert.deepEqual(failures, []);
    await clock.pass(1);
    assert.equal(await asked, "UNDECIDED");
    late(new Error("late"));
    await clock.pass(10_000);
    assert.equal(failures.length, 1);
  });
});
