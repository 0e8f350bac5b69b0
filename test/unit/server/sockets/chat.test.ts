import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Refusal } from "../../../../src/protocol/errors.js";
import { Admission } from "../../../../src/server/limits/admission.js";
import { Chat } from "../../../../src/server/sockets/teaching-namespace.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const LOTS = { perSecond: 1_000_000, burst: 1_000_000 };

function setUp(clients: number) {
  const clock = new VirtualClock();
  const admission = new Admission(
    { writes: LOTS, requests: LOTS, watches: LOTS, connectionsPerAddress: 1_000, connects: LOTS },
    clock,
  );
  const here = Array.from({ length: clients }, (_, index) => `client ${index}`);
  const heard = new Map<string, string[]>(here.map((client) => [client, []]));
  let mostInATurn = 0;
  const chat = new Chat(
    { admission, clock },
    () => [...here],
    (some, text) => {
      mostInATurn = Math.max(mostInATurn, some.length);
      for (const client of some) heard.get(client)?.push(text);
    },
  );
  const say = (address: string, text: string) => {
    try {
      chat.say(address, text);
      return "said";
    } catch (error) {
      assert.ok(error instanceof Refusal);
      return error.code;
    }
  };
  const deliveries = () => Array.from(heard.values()).reduce((sum, texts) => sum + texts.length, 0);
  return { clock, say, heard, deliveries, mostInATurn: () => mostInATurn };
}

describe("chat", () => {
  test("reaches everybody, in order, some clients in each turn of the event loop", async () => {
    const { clock, say, heard, mostInATurn } = setUp(450);
    for (const text of ["one", "two", "three"]) assert.equal(say("a", text), "said");
    await clock.pass(50);
    for (const texts of heard.values()) assert.deepEqual(texts, ["one", "two", "three"]);
    assert.ok(mostInATurn() <= 100);
  });

  test("of one address costs a bounded number of deliveries, however many sockets it has and however it spreads them", async () => {
    const { clock, say, deliveries } = setUp(200);
    const seconds = 20;
    for (let step = 0; step < seconds * 10; step++) {
      for (let socket = 0; socket < 100; socket++) say("one address", "x");
      await clock.pass(100);
    }
    assert.ok(deliveries() <= 5_000 * (seconds + 2), `${deliveries()} deliveries in ${seconds} s`);
    assert.ok(deliveries() >= 5_000 * (seconds / 2), "and it is not silenced");
  });

  test("costs more the longer a message is, and all addresses together have a bound too", async () => {
    const { clock, say, deliveries } = setUp(200);
    assert.equal(say("a", "x".repeat(100_000)), "said");
    assert.equal(say("a", "x"), "RATE_LIMITED");
    const seconds = 20;
    for (let step = 0; step < seconds * 10; step++) {
      for (let address = 0; address < 200; address++) say(`address ${address}`, "x");
      await clock.pass(100);
    }
    assert.ok(deliveries() <= 12_500 * (seconds + 2), `${deliveries()} deliveries in ${seconds} s`);
  });
});
