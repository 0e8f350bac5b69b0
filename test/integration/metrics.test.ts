/* That metrics count what happens, each what its name says. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

const BLOCKED_MS = 200;

/** Until timers that came due meanwhile have run. */
async function block(): Promise<void> {
  const untilMs = performance.now() + BLOCKED_MS;
  while (performance.now() < untilMs);
  for (let count = 0; count < 2; count++) await turn();
}

test("writes, deltas, flushes, checks, resyncs and delays of the event loop are counted where they happen", async (t) => {
  const embedded = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  t.after(() => embedded.close());
  const store = new FaultyStore(embedded);
  const instance = await startInstance({}, store);
  t.after(() => instance.stop());
  const read = async () => {
    const text = await (await fetch(`${instance.url}/metrics`)).text();
    const values = new Map(
      Array.from(text.matchAll(/^socketscaler_(\w+(?:\{.*\})?) (\S+)$/gm), ([, name = "", value]) => [
        name,
        Number(value),
      ]),
    );
    return (name: string) => values.get(name) ?? 0;
  };
  const idle = await read();
  const next = await read();
  assert.equal(next("http_requests_total"), idle("http_requests_total") + 1);
  for (const name of ["pages_held", "watches", "commit_seconds_count", "deltas_total", "flush_seconds_count"]) {
    assert.equal(idle(name), 0, name);
  }

  const clients = [await rawClient(instance.url), await rawClient(instance.url)];
  t.after(() => clients.map((client) => client.close()));
  for (const client of clients) await client.watch([0]);
  const [writer] = clients;
  assert.ok(writer);
  const session = newSession();
  for (const seq of [1, 2, 3]) assert.ok("at" in (await writer.write(session, seq, [[seq, 1]])));
  await until("both see the last", () => clients.every((client) => client.replicas.get(0)?.get(3) === 1));
  const busy = await read();
  assert.equal(busy("pages_held"), 1);
  assert.equal(busy("watches"), 2);
  assert.equal(busy("commit_seconds_count"), 3);
  assert.equal(busy("batch_writes_sum"), 3);
  assert.equal(busy("changes_total"), 3);
  assert.equal(busy("deltas_total"), 3);
  assert.ok(busy("flush_seconds_count") >= 1 && busy("flush_seconds_count") <= 3);
  assert.ok(busy("sent_packets_total") > idle("sent_packets_total"));
  assert.ok(busy('catch_ups_total{by="nothing"}') === 2, "an empty page has nothing to catch up with");
  assert.equal(busy('resyncs_total{cause="gap"}'), 0);

  let lost = 0;
  store.lose = () => lost++ === 0;
  for (const seq of [4, 5]) await writer.write(session, seq, [[seq, 1]]);
  await until("what was lost is caught up with", () => clients.every((client) => client.replicas.get(0)?.get(4) === 1));
  assert.equal(lost, 2);
  await until("positions are checked", async () => (await read())("check_seconds_count") > 0);
  const mended = await read();
  const resyncs = mended('resyncs_total{cause="gap"}') + mended('resyncs_total{cause="check"}');
  assert.ok(resyncs >= 1, String(resyncs));

  // After a scrape counting begins with a tick: the first block ends in it, the second is seen.
  await block();
  await block();
  const delay = (await read())('event_loop_delay_seconds{quantile="1"}');
  assert.ok(delay > BLOCKED_MS / 2_000, String(delay));
});
