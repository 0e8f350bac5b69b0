/* The answer to a WebSocket's handshake, to what Node's parser makes of real requests. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { acceptHandshake } from "../../../../src/server/lane/handshake.js";

/** The example of RFC 6455, section 1.3. */
const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const VERSION = "Sec-WebSocket-Version: 13";
const UPGRADE = "Upgrade: websocket";
const OURS = "ours.2";

const http = createServer();
before(async () => {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
});
after(() => http.close());

async function requestWith(lines: readonly string[], method = "GET"): Promise<IncomingMessage> {
  const { port } = http.address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  const upgrade = once(http, "upgrade");
  client.write([`${method} / HTTP/1.1`, "Host: any", "Connection: Upgrade", ...lines, "", ""].join("\r\n"));
  const [request, socket] = await upgrade;
  client.destroy();
  socket.destroy();
  return request;
}

/** The lines of the answer. */
async function answer(lines: readonly string[], method?: string): Promise<string[] | undefined> {
  return acceptHandshake(await requestWith(lines, method), OURS, [])?.split("\r\n");
}

describe("a handshake", () => {
  test("is answered as the RFC's example, and the answer ends with an empty line", async () => {
    assert.deepEqual(await answer([UPGRADE, VERSION, KEY]), [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      ACCEPT,
      "",
      "",
    ]);
  });

  test("is answered with the lines of middlewares, too", async () => {
    const request = await requestWith([UPGRADE, VERSION, KEY]);
    const text = acceptHandshake(request, OURS, ["Set-Cookie: a=1", "Set-Cookie: b=2"]);
    assert.ok(text?.endsWith(`${ACCEPT}\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n`), text);
  });

  for (const [offer, isConfirmed] of [
    [[], false],
    [[OURS], true],
    [[`other,${OURS}`], true],
    [[`other , \t${OURS} , more`], true],
    [["other", OURS], true],
    [["other"], false],
    [[`${OURS}0`], false],
    [[OURS.toUpperCase()], false],
    [[",,"], false],
  ] as const) {
    test(`that offers ${JSON.stringify(offer)} ${isConfirmed ? "gets our subprotocol" : "gets none"}`, async () => {
      const lines = await answer([UPGRADE, VERSION, KEY, ...offer.map((name) => `Sec-WebSocket-Protocol: ${name}`)]);
      const named = lines?.filter((line) => line.startsWith("Sec-WebSocket-Protocol"));
      assert.deepEqual(named, isConfirmed ? [`Sec-WebSocket-Protocol: ${OURS}`] : []);
    });
  }

  test("names its upgrade in any case", async () => {
    assert.ok(await answer(["upgrade: WebSocket", VERSION, KEY]));
  });

  for (const [what, lines, method] of [
    ["another method", [UPGRADE, VERSION, KEY], "POST"],
    ["another upgrade", ["Upgrade: h2c", VERSION, KEY]],
    ["no version", [UPGRADE, KEY]],
    ["an older version", [UPGRADE, "Sec-WebSocket-Version: 8", KEY]],
    ["two versions", [UPGRADE, VERSION, VERSION, KEY]],
    ["no key", [UPGRADE, VERSION]],
    ["an empty key", [UPGRADE, VERSION, "Sec-WebSocket-Key:"]],
    ["a short key", [UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="]],
    ["a long key", [UPGRADE, VERSION, `${KEY.slice(0, -2)}AA==`]],
    ["a key that is not base64", [UPGRADE, VERSION, KEY.replace("dGhl", "dG-l")]],
    ["two keys", [UPGRADE, VERSION, KEY, KEY]],
  ] as const) {
    test(`with ${what} is not valid`, async () => {
      assert.equal(await answer(lines, method), undefined);
    });
  }
});
