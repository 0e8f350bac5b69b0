/*
 * Untrusted input: every event and every value that a peer could send gets an error from the table, or, past the limits,
 * an end to its connection. Never a crash, never a change of state, never growing memory, and never a cost to others.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { io, type Socket } from "socket.io-client";
import { isErrorCode } from "../../src/protocol/refusal.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { newSession, RawClient, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

const SIZE = 70_000;
const PAGES = [0, 1].map((page) => ({ board: "main", page }));

let store: EmbeddedStore;
let instance: LocalInstance;
let heads: unknown;

before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  // Whoever is ended for its errors may come back at once: all here have one address.
  const flags = { BOARDS: `main=${SIZE},other=10`, CONNECTIONS_PER_ADDRESS: "10000" };
  instance = await startInstance(flags, store);
});
after(async () => {
  await instance.stop();
  await store.close();
});
beforeEach(async () => {
  heads = await store.heads(PAGES);
});
afterEach(async () => {
  assert.deepEqual(await store.heads(PAGES), heads, "the board was changed");
  assert.equal((await fetch(`${instance.url}/health`)).status, 200);
});

function teachingClient(): Promise<Socket> {
  const socket = io(instance.url, { forceNew: true, reconnection: false });
  return new Promise((done, fail) => {
    socket.once("connect", () => done(socket));
    socket.once("connect_error", fail);
  });
}

const HOSTILE_INDEXES = [
  -1,
  SIZE,
  2 ** 32 - 1,
  2 ** 53,
  Number.NaN,
  1.5,
  "5",
  "length",
  "__proto__",
  null,
  undefined,
  {},
  [],
];

describe("the teaching protocol", () => {
  for (const index of HOSTILE_INDEXES) {
    test(`index ${JSON.stringify(index) ?? index} (${typeof index}) is refused with a code`, async () => {
      const socket = await teachingClient();
      const { error } = await socket.timeout(5_000).emitWithAck("checkbox-update", { index, value: true });
      assert.ok(["BAD_REQUEST", "CELL_OUT_OF_RANGE"].includes(error?.code), JSON.stringify(error));
      socket.disconnect();
    });
  }

  for (const payload of [null, undefined, 5, "text", [], {}, { index: 1 }, { value: true }, { index: 1, value: 1 }]) {
    test(`update ${JSON.stringify(payload)} is refused with BAD_REQUEST`, async () => {
      const socket = await teachingClient();
      const { error } = await socket.timeout(5_000).emitWithAck("checkbox-update", payload);
      assert.equal(error?.code, "BAD_REQUEST");
      // Without an acknowledgement there is nobody to tell; nothing happens.
      socket.emit("checkbox-update", payload);
      const answer = await socket.timeout(5_000).emitWithAck("message", payload);
      assert.equal(payload === "text" ? answer.ok : answer.error?.code, payload === "text" ? true : "BAD_REQUEST");
      socket.disconnect();
    });
  }
});

describe("/boards", () => {
  for (const [name, request, code] of [
    ["open of an unknown board", ["open", { board: "nowhere", protocol: 1 }], "UNKNOWN_BOARD"],
    ["open of __proto__", ["open", { board: "__proto__", protocol: 1 }], "UNKNOWN_BOARD"],
    ["open of a board with a long name", ["open", { board: "x".repeat(1_000), protocol: 1 }], "BAD_REQUEST"],
    ["open in another protocol version", ["open", { board: "main", protocol: 2 }], "UNSUPPORTED_PROTOCOL"],
    ["open of null", ["open", null], "BAD_REQUEST"],
    ["open of nothing", ["open"], "BAD_REQUEST"],
    ["watch before open", ["watch", { handle: 0, pages: [0] }], "NOT_OPEN"],
    ["write before open", ["write", { handle: 0, session: newSession(), seq: 1, changes: [[0, 1]] }], "NOT_OPEN"],
    ["unwatch before open", ["unwatch", { handle: 0, pages: [0] }], "NOT_OPEN"],
  ] as const) {
    test(`${name} is refused with ${code}`, async () => {
      const client = await new RawClient(instance.url).connected();
      const [event, ...args] = request;
      assert.equal((await client.ask(event, ...args)).error?.code, code);
      client.close();
    });
  }

  for (const [pages, code] of [
    [[2], "PAGE_OUT_OF_RANGE"],
    [[65_535], "PAGE_OUT_OF_RANGE"],
    [[-1], "BAD_REQUEST"],
    [[2 ** 32], "BAD_REQUEST"],
    [[0.5], "BAD_REQUEST"],
    [["0"], "BAD_REQUEST"],
    [[], "BAD_REQUEST"],
    [null, "BAD_REQUEST"],
    [[[0, "1"]], "BAD_REQUEST"],
    [[[0, null]], "BAD_REQUEST"],
    [[[0, "1.AAAAAAAA", 1]], "BAD_REQUEST"],
    [Array(257).fill(0), "BAD_REQUEST"],
  ] as const) {
    test(`watch of pages ${JSON.stringify(pages)?.slice(0, 30)} is refused with ${code}`, async () => {
      const client = await rawClient(instance.url);
      const answer = await client.ask("watch", { handle: client.opened?.handle, pages });
      assert.equal(answer.error?.code, code);
      client.close();
    });
  }

  test("a position from the future, or of another history, is answered with the page as it is", async () => {
    const client = await rawClient(instance.url);
    for (const position of ["9007199254740991.AAAAAAAA", "1.________", "0.________"]) {
      const answer = await client.ask("watch", { handle: client.opened?.handle, pages: [[0, position]] });
      assert.ok(!("error" in answer), JSON.stringify(answer));
    }
    client.close();
  });

  for (const index of HOSTILE_INDEXES) {
    test(`a write to cell ${JSON.stringify(index) ?? index} (${typeof index}) is refused with a code`, async () => {
      const client = await rawClient(instance.url);
      const changes = [
        [0, 1],
        [index, 1],
      ];
      const write = { handle: client.opened?.handle, session: newSession(), seq: 1, changes };
      const { error } = await client.ask("write", write);
      assert.ok(["BAD_REQUEST", "CELL_OUT_OF_RANGE"].includes(error?.code), JSON.stringify(error));
      client.close();
    });
  }

  for (const [name, change, code] of [
    ["no session", { session: undefined }, "BAD_REQUEST"],
    ["a short session", { session: "x" }, "BAD_REQUEST"],
    ["seq 0", { seq: 0 }, "BAD_REQUEST"],
    ["seq 2^53", { seq: 2 ** 53 }, "BAD_REQUEST"],
    ["no changes", { changes: [] }, "BAD_REQUEST"],
    ["value 2", { changes: [[0, 2]] }, "BAD_REQUEST"],
    ["value true", { changes: [[0, true]] }, "BAD_REQUEST"],
    ["too many cells", { changes: Array.from({ length: 513 }, (_, cell) => [cell, 1]) }, "TOO_MANY_CELLS"],
    ["another handle", { handle: 1 }, "NOT_OPEN"],
  ] as const) {
    test(`a write with ${name} is refused with ${code}`, async () => {
      const client = await rawClient(instance.url);
      const write = { handle: 0, session: newSession(), seq: 1, changes: [[0, 1]], ...change };
      assert.equal((await client.ask("write", write)).error?.code, code);
      client.close();
    });
  }

  test("another session on the same connection is refused", async () => {
    const client = await rawClient(instance.url);
    await client.write(newSession(), 1, [[0, 0]]);
    assert.equal((await client.write(newSession(), 1, [[0, 1]])).error?.code, "SESSION_CHANGED");
    client.close();
  });

  test("a request without an acknowledgement, and one of no known name, is told as a notice", async () => {
    const client = await rawClient(instance.url);
    client.socket.emit("write", { handle: 0, session: newSession(), seq: 1, changes: [[0, 1]] });
    client.socket.emit("clear", "main");
    await until("both notices arrive", () => client.notices.filter(({ kind }) => kind === "error").length === 2);
    for (const { error } of client.notices.filter(({ kind }) => kind === "error"))
      assert.equal(error.code, "BAD_REQUEST");
    client.close();
  });

  test("a message of 10 MB ends its connection and no other", async () => {
    const [hostile, bystander] = [await rawClient(instance.url), await rawClient(instance.url)];
    const ended = new Promise<string>((done) => hostile.socket.once("disconnect", done));
    hostile.socket.emit("write", "x".repeat(10_000_000));
    assert.match(await ended, /transport/);
    assert.ok(!("error" in (await bystander.watch([0]))));
    bystander.close();
  });

  test("more pages than a connection may watch are refused", async (t) => {
    const flags = { BOARDS: "main=1000000", DATA_DIR: temporaryFolder(t) };
    const small = await startInstance({ ...flags, WATCHED_PAGES: "4" });
    t.after(() => small.stop());
    const client = await rawClient(small.url);
    assert.deepEqual(await client.watch([0, 1, 2, 3]), { watching: 4 });
    assert.equal((await client.watch([3, 4])).error?.code, "TOO_MANY_PAGES");
    await client.ask("unwatch", { handle: 0, pages: [0, 0, 3] });
    assert.deepEqual(await client.watch([4]), { watching: 3 });
    client.close();
  });

  test("ten thousand watches are limited, end in a goodbye with a code, and leave nothing behind", async () => {
    const client = await rawClient(instance.url);
    const codes = new Map<string, number>();
    let isGone = false;
    client.socket.once("disconnect", () => {
      isGone = true;
    });
    for (let count = 0; count < 10_000; count++) {
      client.socket.emit("watch", { handle: 0, pages: [count % 2] }, (answer: { error?: { code: string } }) => {
        const code = answer.error?.code ?? "ok";
        codes.set(code, (codes.get(code) ?? 0) + 1);
      });
    }
    await until("the connection is ended", () => isGone);
    assert.ok((codes.get("ok") ?? 0) <= 1_200, `${codes.get("ok")} were served`);
    for (const code of codes.keys()) assert.ok(["ok", "RATE_LIMITED", "BUSY"].includes(code), code);
    const goodbye = client.notices.find(({ kind }) => kind === "goodbye");
    assert.equal(goodbye?.error.code, "TOO_MANY_ERRORS");
    await until("its pages have no watcher", () =>
      [...instance.instance.pages.hubs()].every((hub) => hub.watchers === 0),
    );
  });

  test("random watching and unwatching by one client takes nothing from another", async () => {
    const { board, close } = await watchBoard(instance.url, "other");
    const client = await rawClient(instance.url, "other");
    for (let count = 0; count < 200; count++) {
      await client.ask(count % 3 === 0 ? "watch" : "unwatch", { handle: 1, pages: [0] });
    }
    await client.write(newSession(), 1, [[3, 1]]);
    await until("the other sees the write", () => board.get(3) === true);
    client.close();
    close();
  });
});

describe("fuzz", () => {
  const junk = fc.anything({ maxDepth: 3, withBigInt: false, withNullPrototype: true, withTypedArray: true });
  const near = fc.record(
    {
      board: fc.oneof(fc.constant("main"), fc.string()),
      protocol: fc.oneof(fc.constant(1), fc.integer()),
      handle: fc.oneof(fc.constant(0), fc.integer()),
      pages: fc.array(fc.oneof(fc.integer({ min: -2, max: 3 }), fc.tuple(fc.nat(3), fc.string()), junk)),
      session: fc.oneof(fc.constant(newSession()), fc.string()),
      seq: fc.integer(),
      // Values that could never be written keep the board as it is, whatever else fits.
      changes: fc.array(
        fc.tuple(
          fc.oneof(fc.nat(SIZE), junk),
          fc.oneof(
            fc.integer({ min: 2 }),
            junk.filter((x) => x !== 1 && x !== 0),
          ),
        ),
        { minLength: 1 },
      ),
      index: fc.oneof(fc.integer(), fc.double(), fc.string()),
      value: fc.oneof(fc.string(), fc.integer()),
    },
    { requiredKeys: [] },
  );
  const payload = fc.oneof(junk, near);

  const EVENTS = ["open", "watch", "unwatch", "write", "checkbox-update", "message", "clear", "delta"] as const;
  const ANSWERED: Record<"boards" | "teaching", readonly string[]> = {
    boards: ["open", "watch", "unwatch", "write"],
    teaching: ["checkbox-update", "message"],
  };
  /** More attachments than the parser takes, which ends the connection: found by seed -338611510. */
  const manyAttachments = Array.from({ length: 12 }, () => new Uint8Array(3));

  /** A hostile client whose connection an instance may rightly end; it is replaced before it is used again. */
  class Hostile {
    readonly #open: () => Promise<Socket>;
    #socket: Socket | undefined;
    #ended: Promise<undefined> = Promise.resolve(undefined);
    ends = 0;

    constructor(open: () => Promise<Socket>) {
      this.#open = open;
    }

    /** Sends it; the answer, or undefined if none was asked for or the connection ended first. */
    async send(event: string, input: unknown, withAck: boolean): Promise<{ error?: { code: string } } | undefined> {
      const socket = this.#socket?.connected ? this.#socket : await this.#connect();
      if (withAck) return Promise.race([socket.timeout(10_000).emitWithAck(event, input), this.#ended]);
      socket.emit(event, input);
      return undefined;
    }

    async #connect(): Promise<Socket> {
      const socket = await this.#open();
      this.#socket = socket;
      this.#ended = new Promise((done) => {
        socket.once("disconnect", () => {
          this.ends++;
          done(undefined);
        });
      });
      return socket;
    }

    close(): void {
      this.#socket?.disconnect();
    }
  }

  test("whatever is sent to either namespace is answered from the table or not at all, and changes nothing", async () => {
    const memoryBefore = process.memoryUsage().heapUsed;
    const stateBefore = await store.read({ board: "main", page: 0 });
    const hostile = {
      boards: new Hostile(async () => (await rawClient(instance.url)).socket),
      teaching: new Hostile(teachingClient),
    };
    const bystanders = [await rawClient(instance.url), await teachingClient()] as const;
    let lost = 0;
    for (const socket of [bystanders[0].socket, bystanders[1]]) socket.on("disconnect", () => lost++);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...EVENTS), payload, fc.boolean(), async (event, input, withAck) => {
        for (const namespace of ["boards", "teaching"] as const) {
          if (withAck && !ANSWERED[namespace].includes(event)) continue;
          const answer = await hostile[namespace].send(event, input, withAck);
          const code = answer?.error?.code;
          if (code) assert.ok(isErrorCode(code) && code !== "INTERNAL", JSON.stringify(answer));
        }
        assert.equal(lost, 0, "another client was disconnected");
      }),
      {
        numRuns: 600,
        examples: EVENTS.flatMap((event): [(typeof EVENTS)[number], unknown, boolean][] => [
          [event, manyAttachments, true],
          [event, manyAttachments, false],
        ]),
      },
    );
    // Whoever behaves is served as before.
    assert.ok(!("error" in (await bystanders[0].watch([0]))));
    assert.deepEqual(await bystanders[1].timeout(10_000).emitWithAck("message", "hello"), { ok: true });
    assert.equal(lost, 0, "another client was disconnected");
    assert.ok(hostile.boards.ends > 0 && hostile.teaching.ends > 0, "nothing was bad enough to end a connection");
    assert.deepEqual(await store.read({ board: "main", page: 0 }), stateBefore);
    for (const client of [hostile.boards, hostile.teaching, bystanders[0]]) client.close();
    bystanders[1].disconnect();
    assert.ok(process.memoryUsage().heapUsed < memoryBefore + 200_000_000);
  });
});
