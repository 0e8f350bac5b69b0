/* When the beats of many connections are due, and when they go by themselves. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BeatRounds, TICKS_MAX } from "../../../../src/server/lane/beat-rounds.js";

class Connection {
  readonly sent: number[] = [];
  isGone = false;
  isQuiet = true;
  #isDue = false;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  beat(): void {
    this.#isDue = true;
    // A message may take it along at once.
    if (!this.isQuiet) this.#send();
  }

  beatAlone(): boolean {
    if (this.#isDue) this.#send();
    return !this.isGone;
  }

  #send(): void {
    this.#isDue = false;
    this.sent.push(this.#now());
  }
}

test("every connection gets a beat at least every TICKS_MAX ticks, whether messages flow or not", () => {
  let now = 0;
  const rounds = new BeatRounds<Connection>();
  const connections: Connection[] = [];
  for (; now < 400; now++) {
    if (now < 90) {
      const connection = new Connection(() => now);
      connections.push(connection);
      rounds.add(connection);
    }
    // Messages flow at times.
    for (const connection of connections) connection.isQuiet = now % 100 < 50;
    assert.deepEqual(rounds.tick(), []);
  }
  assert.equal([...rounds].length, 90);
  for (const [index, { sent }] of connections.entries()) {
    const times = [index, ...sent, now];
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    assert.ok(Math.max(...gaps) <= TICKS_MAX, `connection ${index}: ${gaps}`);
    assert.ok(sent.length <= 400 / 20 + 1, "and not more often than in each round");
  }
});

test("a connection whose client is gone is returned once a round, until it is deleted", () => {
  const rounds = new BeatRounds<Connection>();
  const [gone, other] = [new Connection(() => 0), new Connection(() => 0)];
  rounds.add(gone);
  rounds.add(other);
  gone.isGone = true;
  const found: Connection[] = [];
  for (let tick = 0; tick < 40; tick++) found.push(...rounds.tick());
  assert.deepEqual(found, [gone, gone]);
  rounds.delete(gone);
  for (let tick = 0; tick < 40; tick++) assert.deepEqual(rounds.tick(), []);
  assert.deepEqual([...rounds], [other]);
});
