/* What an instance counts as sent, against what a client gets. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { rawClient } from "../support/raw-client.js";
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
