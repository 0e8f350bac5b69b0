/* What an instance counts as sent, against what a client gets. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { Link } from "../support/link.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

test("frames count as sent, whichever way they take to the client", async (t) => {
  const store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  t.after(() => store.close());
  const instance = await startInstance({}, store);
  t.after(() => instance.stop());
  const client = await rawClient(instance.url);
  t.after(() => client.close());
  await client.watch([0]);
  const before = instance.instance.metrics.totals.sentBytes;
  for (let cell = 0; cell < 5; cell++) {
    const body = { method: "PUT", headers: { "Content-Type": "application/json" }, body: '{"value":true}' };
    assert.equal((await fetch(`${instance.url}/boards/main/cells/${cell}`, body)).status, 200);
    await until("the frame is here", () => client.frames.length === cell + 1);
  }
  const got = client.frames.reduce((sum, { bytes }) => sum + bytes, 0);
  const counted = instance.instance.metrics.totals.sentBytes - before;
  assert.ok(counted >= got, `${got} bytes of frames came, and ${counted} bytes of packets were counted`);
});

test("a click costs each client that watches at most 80 bytes on the wire", async (t) => {
  const store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  t.after(() => store.close());
  const instance = await startInstance({ BOARDS: "main=1000000000" }, store);
  t.after(() => instance.stop());
  // Neither heartbeats nor the number of people are clicks: of the first there is none, the second is sent before.
  Object.assign(instance.io.engine, { opts: { ...instance.io.engine.opts, pingInterval: 120_000 } });
  const [writer, link] = [await rawClient(instance.url), await Link.open([instance.url])];
  const viewer = await rawClient(link.url);
  t.after(() => {
    viewer.close();
    writer.close();
    link.close();
  });
  const LAST_PAGE = 15_258;
  await viewer.watch([LAST_PAGE]);
  await until("it is told of both clients", () => viewer.notices.some(({ online }) => online === 2));
  const session = newSession();
  const clicks = 50;
  const before = link.bytesToClient;
  for (let click = 0; click < clicks; click++) {
    await writer.write(session, click + 1, [[LAST_PAGE * 65_536 + click * 700, 1]]);
    await until("the frame is here", () => viewer.frames.length === click + 1);
  }
  const each = (link.bytesToClient - before) / clicks;
  t.diagnostic(`${each} bytes`);
  assert.ok(each <= 80, `${each} bytes`);
});
