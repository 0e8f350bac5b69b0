/* The lab's wire: what passes, what is lost, and what may not disturb it. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { parseReply } from "../../../../src/cli/lab/resp.js";
import { Wire } from "../../../../src/cli/lab/wire.js";
import { until } from "../../../support/until.js";

const SUBSCRIBE = "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n";
const newsAs = (kind: string, text: string) =>
  `${kind}3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$${text.length}\r\n${text}\r\n`;
const news = (text: string) => newsAs("*", text);

/** A server that says what the test says, a wire to it, and a client behind the wire. */
async function wired(t: TestContext, ...heard: [channel: string, message: string, isLost: boolean][][]) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const wire = await Wire.open({
    target: () => address.port,
    news: (...what) => heard[0]?.push(what),
  });
  const near = connect({ port: wire.port, host: "127.0.0.1" });
  const [far]: Socket[] = await once(server, "connection");
  assert.ok(far);
  t.after(() => {
    near.destroy();
    wire.close();
    server.close();
  });
  let received = "";
  near.on("data", (data) => {
    received += data;
  });
  near.on("error", () => undefined);
  return { wire, near, far, received: () => received };
}

describe("a wire of the lab", () => {
  test("loses a message of RESP3, behind the answer to HELLO", async (t) => {
    const { wire, near, far, received } = await wired(t);
    near.write(SUBSCRIBE);
    await once(far, "data");
    wire.loseNext((channel) => channel === "news");
    const hello = "%2\r\n+server\r\n+valkey\r\n+proto\r\n:3\r\n_\r\n#t\r\n,1.5\r\n";
    far.write(hello + newsAs(">", "one") + newsAs(">", "two"));
    await until("the rest arrives", () => received().endsWith(newsAs(">", "two")));
    assert.equal(received(), hello + newsAs(">", "two"));
  });

  test("loses exactly the next message, however it is cut into packets", async (t) => {
    const heard: [string, string, boolean][] = [];
    const { wire, near, far, received } = await wired(t, heard);
    near.write(SUBSCRIBE);
    await once(far, "data");
    wire.loseNext((channel) => channel === "news");
    const text = news("one") + news("two") + news("three");
    far.setNoDelay(true);
    for (const byte of text) {
      far.write(byte);
      await new Promise(setImmediate);
    }
    await until("the rest arrives", () => received().endsWith(news("three")));
    assert.equal(received(), news("two") + news("three"));
    assert.deepEqual(
      heard.map(([, message, isLost]) => [message, isLost]),
      [
        ["one", true],
        ["two", false],
        ["three", false],
      ],
    );
  });

  test("passes what it does not understand, and all of what is no channel", async (t) => {
    const { near, far, received } = await wired(t);
    far.write("any bytes\r\n");
    await until("they arrive", () => received() === "any bytes\r\n");
    near.write(SUBSCRIBE);
    await once(far, "data");
    far.write("no reply at all\r\n");
    await until("they arrive", () => received().endsWith("no reply at all\r\n"));
  });

  test("that is refused takes no connection until it is mended", async (t) => {
    const { wire, near } = await wired(t);
    const closed = once(near, "close");
    wire.refuse();
    await closed;
    const refused = connect({ port: wire.port, host: "127.0.0.1" });
    refused.on("error", () => undefined);
    await once(refused, "close");
    wire.mend();
    const again = connect({ port: wire.port, host: "127.0.0.1" });
    t.after(() => again.destroy());
    await once(again, "connect");
  });
});

describe("a reply of Valkey", () => {
  test("is read as soon as it is whole", () => {
    const whole = Buffer.from("*4\r\n$3\r\na\r\n\r\n:-7\r\n$-1\r\n*1\r\n+OK\r\n");
    for (let length = 0; length < whole.length; length++)
      assert.equal(parseReply(whole.subarray(0, length)), undefined);
    assert.deepEqual(parseReply(whole), { reply: ["a\r\n", -7, null, ["OK"]], end: whole.length });
    assert.throws(() => parseReply(Buffer.from("GET / HTTP/1.1\r\n")), RangeError);
    assert.throws(() => parseReply(Buffer.from("*1\r\n".repeat(50))), RangeError, "no endless nesting");
  });
});
