/* How often the title of the tab changes, and what it says. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TabTitle, titleOf } from "../../../../src/web/wording/tab-title.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

describe("the title of the tab", () => {
  test("names the board, and counts once the count is known", () => {
    assert.equal(titleOf("million", undefined), "million · SocketScaler");
    assert.equal(titleOf("million", 12_345), "million · 12,345 checked · SocketScaler");
  });

  test("changes at once, then once a second at most, to the latest", async () => {
    const clock = new VirtualClock();
    const written: string[] = [];
    const title = new TabTitle(clock, (text) => written.push(text));
    for (let count = 0; count < 50; count++) {
      title.show(String(count));
      await clock.pass(50);
    }
    await clock.pass(2_000);
    assert.deepEqual(written, ["0", "19", "39", "49"]);
    title.show("49");
    title.show("50");
    assert.deepEqual(written.at(-1), "50", "after a pause it changes at once");
  });

  test("is not written any more once it is closed", async () => {
    const clock = new VirtualClock();
    const written: string[] = [];
    const title = new TabTitle(clock, (text) => written.push(text));
    title.show("a");
    title.show("b");
    title.close();
    await clock.pass(5_000);
    assert.deepEqual(written, ["a"]);
  });
});
