import assert from "node:assert/strict";
import { test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { RelayLink } from "../../../../src/server/relays/relay-link.js";
import { RelayedNews } from "../../../../src/server/relays/relayed-news.js";
import type { Store, SubscriptionListener } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";
import { DOWN, type Welcome } from "../../../../src/store/upstream/calls.js";
import { pack, unpack } from "../../../../src/store/upstream/packed.js";

/** `ask` resolves when the answer is `sent`, where all that the link sends stands by its kind. */
function linkTo(store: Store) {
  const sent: string[] = [];
  let answered: () => void = () => undefined;
  const wire = {
    send: (bytes: Uint8Array) => {
      const message = unpack(bytes)?.value;
      assert.ok(Array.isArray(message));
      const [kind] = message;
      sent.push(Object.entries(DOWN).find(([, one]) => one === kind)?.[0] ?? "");
      if (kind === DOWN.answer) answered();
    },
    cut: () => assert.fail("the call is not valid"),
  };
  const link = new RelayLink(
    {
      store,
      writer: { writeAll: () => assert.fail("what overrides a freeze goes to the store") },
      news: new RelayedNews(store),
      welcome: () => ({}) as Welcome,
      called: () => undefined,
      failed: (error) => assert.fail(String(error)),
    },
    wire,
  );
  const ask = (name: string, args: unknown) =>
    new Promise<void>((done) => {
      answered = done;
      link.receive(pack([0, name, args]));
    });
  return { link, sent, ask };
}

test("no answer overtakes the news that the store still leaves unread", async () => {
  const page = { board: "main", page: 0 };
  const [from, to] = [
    { version: 0, tag: newTag() },
    { version: 1, tag: newTag() },
  ];
  let news: SubscriptionListener | undefined;
  const head = { position: to, checked: 1, frozen: [] };
  const store = {
    subscribe: async (_: unknown, listener: SubscriptionListener) => {
      news = listener;
      return () => undefined;
    },
    commit: async () => ({ position: to, outcomes: ["accepted"], checked: 1 }),
    heads: async (_: unknown, heard: (index: number, each: typeof head) => void) => {
      heard(0, head);
      return [head];
    },
    // What was unread is read now.
    wake: (heard: () => void) => {
      setImmediate(() => {
        news?.delta({ kind: "delta", page: 0, from, to, changes: packChanges([[1, 1]]) });
        heard();
      });
    },
  } as unknown as Store;
  const { sent, ask } = linkTo(store);
  await ask("subscribe", [page]);
  const writes = [{ session: "", seq: 1, changes: packChanges([[1, 1]]) }];
  await ask("commit", [page, { tag: newTag(), writes, overridesFreeze: true }]);
  assert.deepEqual(sent.splice(0), ["welcome", "answer", "event", "answer"]);
  await ask("heads", [[page]]);
  assert.deepEqual(sent.slice(0, 2), ["event", "part"]);
});

test("a board that a relay hears of has its rule of claims at the upstream already", async () => {
  const rules: unknown[] = [];
  const { ask } = linkTo({
    boards: { list: async () => new Map([["seats", { size: 9, claims: "hold:5000" }]]) },
    setRule: (...rule: unknown[]) => void rules.push(rule),
  } as unknown as Store);
  await ask("listBoards", []);
  assert.deepEqual(rules, [["seats", { ms: 5_000, isLease: false }]]);
});

test("a link that was closed asks the store for nothing more", () => {
  let reads = 0;
  const { link } = linkTo({ read: async () => reads++ } as unknown as Store);
  link.close();
  link.receive(pack([0, "read", [{ board: "main", page: 0 }]]));
  assert.equal(reads, 0);
});
