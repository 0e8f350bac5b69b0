/* A command channel over a stream whose other end is the test. */

import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type CommandEvents, CommandQueue, NotSent } from "../../../../../src/store/valkey/resp/command-queue.js";
import { BrokenProtocol, ReplyError } from "../../../../../src/store/valkey/resp/resp.js";
import { settle } from "../../../../support/virtual-clock.js";

const CLOSED = new Error("the connection was closed");

function open(events: (log: unknown[][]) => Partial<CommandEvents>) {
  const written: Buffer[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  /** Everything that the queue passed on, in order. */
  const log: unknown[][] = [];
  const queue = new CommandQueue(stream, { stray: (error) => log.push(["stray", error]), ...events(log) });
  return {
    stream,
    log,
    queue,
    written: () => String(Buffer.concat(written)),
    /** Settles a command into the log, under a name: with the reply, and with the error if it failed. */
    as: (name: string) => (error: unknown, reply: unknown) =>
      log.push(error === undefined ? [name, reply] : [name, reply, error]),
    /** Lets the server send each piece, and waits until the queue has read them. */
    receive: async (...pieces: (string | Buffer)[]) => {
      for (const piece of pieces) stream.push(piece);
      await settle();
    },
    close: async (error?: Error) => {
      stream.destroy(error);
      await settle();
    },
  };
}

/** A connection for commands only. */
const openCommands = () => open(() => ({}));

/** A connection that also subscribes. */
const openSubscriber = () =>
  open((log) => ({
    message: (channel, text) => log.push(["message", channel, text]),
    channelsMoved: () => log.push(["moved"]),
  }));

/** A list of strings, and of numbers as they are. */
function list(...elements: (string | number)[]): string {
  const encoded = elements.map((one) => (typeof one === "number" ? `:${one}` : `$${Buffer.byteLength(one)}\r\n${one}`));
  return `*${elements.length}\r\n${encoded.map((one) => `${one}\r\n`).join("")}`;
}

describe("a channel", () => {
  test("writes commands in their order, text and bytes", async () => {
    const { queue, written, as } = openCommands();
    queue.send(["GET", "é"], "text", as("a"));
    queue.send(["SET", "k", Buffer.from([0xff])], "text", as("b"));
    queue.change("SUBSCRIBE", ["c", "d"], as("c"));
    const commands = ["*2\r\n$3\r\nGET\r\n$2\r\né\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n\ufffd\r\n"];
    assert.equal(written(), `${commands.join("")}${list("SUBSCRIBE", "c", "d")}`);
  });

  test("settles commands with the answers in their order, each in the form that it wants", async () => {
    const { queue, log, as, receive } = openCommands();
    assert.equal(queue.isIdle, true);
    queue.send(["GET", "a"], "text", as("a"));
    queue.send(["GET", "b"], "bytes", as("b"));
    queue.send(["GET", "c"], "text", as("c"));
    await receive("+one\r\n$3\r\ntwo\r\n$5\r\nth");
    assert.deepEqual(log, [
      ["a", "one"],
      ["b", Buffer.from("two")],
    ]);
    assert.equal(queue.isIdle, false);
    await receive("ree\r\n");
    assert.deepEqual(log.at(-1), ["c", "three"]);
    assert.equal(queue.isIdle, true);
    queue.send(["GET", "d"], "text", as("d"));
    await receive("$-1\r\n");
    assert.deepEqual(log.at(-1), ["d", null]);
  });

  test("settles a command with the server's error, and the next with its own answer", async () => {
    const { queue, log, as, receive } = openCommands();
    queue.send(["GET"], "text", as("a"));
    queue.send(["PING"], "text", as("b"));
    await receive("-ERR wrong number\r\n+PONG\r\n");
    assert.deepEqual(log, [
      ["a", null, new ReplyError("ERR wrong number")],
      ["b", "PONG"],
    ]);
  });

  test("sends a command from the answer to another, behind those that are pending", async () => {
    const { queue, log, as, receive, written } = openCommands();
    queue.send(["A"], "text", () => queue.send(["C"], "text", as("c")));
    queue.send(["B"], "text", as("b"));
    await receive(":1\r\n:2\r\n:3\r\n");
    assert.equal(written(), [list("A"), list("B"), list("C")].join(""));
    assert.deepEqual(log, [
      ["b", 2],
      ["c", 3],
    ]);
  });

  for (const [how, error] of [
    ["without an error", undefined],
    ["with an error", new Error("reset")],
  ] as const) {
    test(`settles all pending commands when the stream closes ${how}, and those that follow`, async () => {
      const { queue, log, as, close, receive, written } = openCommands();
      queue.send(["A"], "text", (error) => {
        as("a")(error, null);
        queue.send(["B"], "text", as("b"));
      });
      queue.change("SUBSCRIBE", ["c", "d"], as("c"));
      await receive("$9\r\nhalf");
      const before = written();
      await close(error);
      const refused = new NotSent("the connection is closed");
      assert.deepEqual(log, [
        ["a", null, error ?? CLOSED],
        ["b", null, refused],
        ["c", null, error ?? CLOSED],
      ]);
      assert.equal(queue.isIdle, true);
      queue.send(["E"], "text", as("e"));
      assert.deepEqual(log.at(-1), ["e", null, refused]);
      assert.equal(queue.isIdle, true);
      assert.equal(written(), before);
    });
  }

  test("refuses commands once our end of the stream has ended, and still settles those before", async () => {
    const { queue, stream, log, as, receive } = openCommands();
    queue.send(["A"], "text", as("a"));
    stream.end();
    queue.send(["B"], "text", as("b"));
    await receive("+OK\r\n");
    assert.deepEqual(log, [
      ["b", null, new NotSent("the connection is closed")],
      ["a", "OK"],
    ]);
  });

  test("reports an error that answers no command, and keeps the stream", async () => {
    const { queue, log, as, receive, stream } = openCommands();
    await receive("-ERR max number of clients reached\r\n");
    assert.deepEqual(log, [["stray", new ReplyError("ERR max number of clients reached")]]);
    assert.equal(stream.destroyed, false);
    queue.send(["PING"], "text", as("ping"));
    await receive("+PONG\r\n");
    assert.deepEqual(log.at(-1), ["ping", "PONG"]);
  });

  test("destroys the stream at bytes that are not RESP2, and settles what is pending with that error", async () => {
    const { queue, log, as, receive, stream } = openCommands();
    queue.send(["A"], "text", as("a"));
    queue.send(["B"], "text", as("b"));
    // Both pieces wait in the stream's buffer.
    await receive("+OK\r\nHTTP/1.1 400 Bad Request\r\n+OK\r\n", "+OK\r\n");
    assert.ok(stream.destroyed && stream.errored instanceof BrokenProtocol);
    queue.send(["C"], "text", as("c"));
    assert.deepEqual(log, [
      ["a", "OK"],
      ["b", null, stream.errored],
      ["c", null, new NotSent("the connection is closed")],
    ]);
  });

  test("a command that cannot be encoded leaves no place for another's answer", async () => {
    const { queue, log, as, receive } = openCommands();
    const broken = ["GET", undefined as unknown as string];
    assert.throws(() => queue.send(broken, "text", as("broken")), TypeError);
    queue.send(["PING"], "text", as("ping"));
    await receive("+PONG\r\n");
    assert.deepEqual(log, [["ping", "PONG"]]);
    assert.equal(queue.isIdle, true);
  });

  test("destroys the stream at an answer to no command", async () => {
    const { queue, log, as, receive, stream } = openCommands();
    queue.send(["A"], "text", as("a"));
    await receive("+OK\r\n+OK\r\n-ERR later\r\n", "-ERR later\r\n");
    assert.ok(stream.destroyed && stream.errored instanceof BrokenProtocol);
    assert.deepEqual(log, [["a", "OK"]]);
  });

  test("lets an error of a caller surface, and passes no answer on to another command after it", async () => {
    const { queue, log, as, stream } = openCommands();
    const fault = new TypeError("a fault of ours");
    queue.send(["A"], "text", () => {
      throw fault;
    });
    queue.send(["B"], "text", as("b"));
    queue.send(["C"], "text", as("c"));
    assert.throws(() => stream.emit("data", Buffer.from("+a\r\n+b\r\n")), fault);
    stream.emit("data", Buffer.from("+b\r\n"));
    await settle();
    assert.equal(stream.destroyed, true);
    assert.deepEqual(log, [
      ["b", null, fault],
      ["c", null, fault],
    ]);
  });

  test("takes a list that looks like a message as an answer if nobody listens to messages", async () => {
    const { queue, log, as, receive } = openCommands();
    for (const kind of ["message", "sunsubscribe"]) {
      queue.send(["LRANGE", "k", "0", "-1"], "text", as("range"));
      await receive(list(kind, "a", "b"));
      assert.deepEqual(log.at(-1), ["range", [kind, "a", "b"]]);
    }
  });
});

describe("a channel that subscribes", () => {
  test("passes messages on between answers, as text", async () => {
    const { queue, log, as, receive } = openSubscriber();
    await receive(list("message", "a", "é"));
    queue.send(["PING"], "bytes", as("ping"));
    await receive(list("smessage", "b", ""), list("pong", ""), list("message", "c", "2"));
    assert.deepEqual(log, [
      ["message", "a", "é"],
      ["message", "b", ""],
      ["ping", ["pong", ""]],
      ["message", "c", "2"],
    ]);
  });

  for (const name of ["SUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE"]) {
    test(`settles ${name} with the answer for its last channel`, async () => {
      const { queue, log, as, receive } = openSubscriber();
      const kind = name.toLowerCase();
      queue.change(name, ["a", "b", "c"], as("first"));
      queue.change(name, ["d"], as("second"));
      await receive(list(kind, "a", 1), list("message", "a", "1"), list(kind, "b", 2));
      assert.deepEqual(log, [["message", "a", "1"]]);
      await receive(list(kind, "c", 3));
      assert.deepEqual(log.slice(1), [["first", [kind, "c", 3]]]);
      await receive(list(kind, "d", 4));
      assert.deepEqual(log.slice(2), [["second", [kind, "d", 4]]]);
      assert.equal(queue.isIdle, true);
    });
  }

  test("settles a subscription to many channels with one error", async () => {
    const { queue, log, as, receive } = openSubscriber();
    queue.change("SSUBSCRIBE", ["a", "b", "c"], as("first"));
    queue.send(["PING"], "text", as("ping"));
    await receive("-MOVED 1 127.0.0.1:7001\r\n", list("pong", ""));
    assert.deepEqual(log, [
      ["first", null, new ReplyError("MOVED 1 127.0.0.1:7001")],
      ["ping", ["pong", ""]],
    ]);
  });

  test("takes no answer for one channel as the answer for another", async () => {
    const { queue, log, as, receive } = openSubscriber();
    queue.change("SSUBSCRIBE", ["b"], as("b"));
    await receive(list("ssubscribe", "a", 1));
    assert.deepEqual(log, [["moved"]]);
    await receive(list("ssubscribe", "b", 2));
    assert.deepEqual(log.slice(1), [["b", ["ssubscribe", "b", 2]]]);
  });

  test("reports a subscription that the server ended, which answers no pending command", async () => {
    const { queue, log, as, receive } = openSubscriber();
    const notice = list("sunsubscribe", "a", 0);
    await receive(notice);
    assert.deepEqual(log.splice(0), [["moved"]]);
    queue.send(["PING"], "text", as("ping"));
    await receive(notice, list("pong", ""));
    assert.deepEqual(log.splice(0), [["moved"], ["ping", ["pong", ""]]]);
    queue.change("SSUBSCRIBE", ["b", "c"], as("subscribe"));
    await receive(list("ssubscribe", "b", 1), notice, list("ssubscribe", "c", 2));
    assert.deepEqual(log.splice(0), [["moved"], ["subscribe", ["ssubscribe", "c", 2]]]);
  });

  test("takes an ended subscription without complaint if nobody listens to such", async () => {
    const { log, receive, stream } = open((log) => ({
      message: (channel, text) => log.push(["message", channel, text]),
    }));
    await receive(list("sunsubscribe", "a", 0), list("message", "b", "1"));
    assert.deepEqual(log, [["message", "b", "1"]]);
    assert.equal(stream.destroyed, false);
  });

  test("keeps the order of answers, messages and notices, however they are mixed and cut", async () => {
    const message = fc.record({ kind: fc.constant("message" as const), text: fc.string() });
    const notice = fc.record({ kind: fc.constant("notice" as const) });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("answer" as const), text: fc.string() }),
      fc.record({ kind: fc.constant("error" as const), text: fc.stringMatching(/^[A-Z]{1,9}$/) }),
      fc.record({
        kind: fc.constant("subscribe" as const),
        between: fc.array(fc.oneof(message, notice), { maxLength: 3 }),
      }),
      message,
      notice,
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), sizes, async (steps, sizes) => {
        const { queue, log, as, receive } = openSubscriber();
        const expected: unknown[][] = [];
        let sent = "";
        const interject = (one: { kind: "message"; text: string } | { kind: "notice" }) => {
          sent += one.kind === "message" ? list("message", "m", one.text) : list("sunsubscribe", "n", 0);
          expected.push(one.kind === "message" ? ["message", "m", one.text] : ["moved"]);
        };
        for (const [index, one] of steps.entries()) {
          const name = `command ${index}`;
          if (one.kind === "answer") {
            queue.send(["GET"], "text", as(name));
            sent += list(`an ${one.text}`);
            expected.push([name, [`an ${one.text}`]]);
          } else if (one.kind === "error") {
            queue.send(["GET"], "text", as(name));
            sent += `-${one.text}\r\n`;
            expected.push([name, null, new ReplyError(one.text)]);
          } else if (one.kind === "subscribe") {
            const channels = [...one.between.keys(), "last"].map((key) => `c${key}`);
            queue.change("SSUBSCRIBE", channels, as(name));
            for (const [at, other] of one.between.entries()) {
              sent += list("ssubscribe", `c${at}`, 1);
              interject(other);
            }
            sent += list("ssubscribe", "clast", 1);
            expected.push([name, ["ssubscribe", "clast", 1]]);
          } else interject(one);
        }
        const data = Buffer.from(sent);
        const pieces: Buffer[] = [];
        for (let at = 0; at < data.length; ) {
          const size = sizes[pieces.length % sizes.length] ?? 1;
          pieces.push(data.subarray(at, at + size));
          at += size;
        }
        await receive(...pieces);
        assert.deepEqual(log, expected);
        assert.equal(queue.isIdle, true);
      }),
      { numRuns: 300 },
    );
  });
});
