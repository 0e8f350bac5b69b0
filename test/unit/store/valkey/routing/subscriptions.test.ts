/* Keeping channels where they belong, over servers that answer when the test lets them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreAway } from "../../../../../src/store/store.js";
import { type Subscriber, Subscriptions } from "../../../../../src/store/valkey/routing/subscriptions.js";
import { settle } from "../../../../support/virtual-clock.js";

/** Carries out its commands in order, each when the test lets it. */
class FakeServer implements Subscriber {
  isUp = true;
  readonly subscribed = new Set<string>();
  readonly #pending: { act(): void; fail(error: Error): void }[] = [];

  subscribe(channels: readonly string[]): Promise<void> {
    return new Promise((done, fail) => {
      const act = () => {
        for (const channel of channels) this.subscribed.add(channel);
        done();
      };
      this.#pending.push({ act, fail });
    });
  }

  unsubscribe(channel: string): void {
    this.#pending.push({ act: () => this.subscribed.delete(channel), fail: () => undefined });
  }

  /** Lets everything asked so far happen, and what follows from it. */
  async answer(): Promise<void> {
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      next.act();
      await settle();
    }
  }

  async refuse(): Promise<void> {
    this.#pending.shift()?.fail(new StoreAway("refused", { sent: true }));
    await settle();
  }
}

function setUp(where: (channel: string) => FakeServer) {
  const resumed: string[] = [];
  const subscriptions = new Subscriptions({
    subscriberOf: where,
    isSharded: false,
    redirected: () => undefined,
    resumed: (channel) => resumed.push(channel),
  });
  /** As a connection that broke and is up again. */
  const interrupt = (server: FakeServer) => {
    server.subscribed.clear();
    subscriptions.lost(server);
    subscriptions.mend();
  };
  return { subscriptions, resumed, interrupt };
}

describe("subscriptions", () => {
  test("are made again on a server that lost them, and reported as resumed; the first time is no resumption", async () => {
    const server = new FakeServer();
    const { subscriptions, resumed, interrupt } = setUp(() => server);
    const added = subscriptions.add("a");
    await server.answer();
    await added;
    assert.deepEqual(resumed, []);
    interrupt(server);
    await server.answer();
    assert.deepEqual([...server.subscribed], ["a"]);
    assert.deepEqual(resumed, ["a"]);
    subscriptions.close();
  });

  test("move with their slot, and leave the old server", async () => {
    const [old, next] = [new FakeServer(), new FakeServer()];
    let owner = old;
    const { subscriptions, resumed } = setUp(() => owner);
    void subscriptions.add("a");
    await old.answer();
    owner = next;
    subscriptions.mend();
    await next.answer();
    await old.answer();
    assert.deepEqual([[...old.subscribed], [...next.subscribed], resumed], [[], ["a"], ["a"]]);
    subscriptions.close();
  });

  test("of one server are mended though another hangs", async () => {
    const [hanging, other] = [new FakeServer(), new FakeServer()];
    const { subscriptions, interrupt } = setUp((channel) => (channel === "h" ? hanging : other));
    for (const channel of ["h", "o"]) void subscriptions.add(channel);
    await hanging.answer();
    await other.answer();
    for (const server of [hanging, other]) {
      server.subscribed.clear();
      subscriptions.lost(server);
    }
    subscriptions.mend();
    await other.answer();
    assert.deepEqual([...other.subscribed], ["o"]);
    interrupt(other);
    await other.answer();
    assert.deepEqual([...other.subscribed], ["o"], "a second time");
    subscriptions.close();
  });

  test("survive being dropped and wanted again while they are being made", async () => {
    const server = new FakeServer();
    const { subscriptions, interrupt } = setUp(() => server);
    void subscriptions.add("a");
    await server.answer();
    interrupt(server);
    subscriptions.delete("a");
    void subscriptions.add("a");
    await server.answer();
    assert.deepEqual([...server.subscribed], ["a"]);
    assert.equal(subscriptions.subscriberOf("a"), server);
    subscriptions.delete("a");
    await server.answer();
    assert.deepEqual([...server.subscribed], []);
    subscriptions.close();
  });

  test("that were dropped while they were being made are given up", async () => {
    const server = new FakeServer();
    const { subscriptions } = setUp(() => server);
    void subscriptions.add("a");
    subscriptions.delete("a");
    await server.answer();
    assert.deepEqual([...server.subscribed], []);
    subscriptions.close();
  });

  test("of a listener that was first are reported when a second finds the channel elsewhere", async () => {
    const [old, next] = [new FakeServer(), new FakeServer()];
    let owner = old;
    const { subscriptions, resumed } = setUp(() => owner);
    void subscriptions.add("a");
    await old.answer();
    owner = next;
    void subscriptions.add("a");
    await next.answer();
    await old.answer();
    assert.deepEqual([[...old.subscribed], [...next.subscribed], resumed], [[], ["a"], ["a"]]);
    subscriptions.close();
  });

  test("are tried again after a refusal", async () => {
    const server = new FakeServer();
    const { subscriptions, interrupt } = setUp(() => server);
    void subscriptions.add("a");
    await server.answer();
    interrupt(server);
    await server.refuse();
    subscriptions.mend();
    await server.answer();
    assert.deepEqual([...server.subscribed], ["a"]);
    subscriptions.close();
  });
});
