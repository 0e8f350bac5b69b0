/* A relay's store in front of a store of this process: the real door and the real link, over loopback. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { realClock } from "../../src/protocol/clock.js";
import { Departures } from "../../src/server/instance/departures.js";
import { RelayDoor, type RelayHost } from "../../src/server/relays/relay-door.js";
import { Writer } from "../../src/server/writes/writer.js";
import { ALL_APPLIED } from "../../src/store/durability.js";
import { NO_HISTORY } from "../../src/store/history.js";
import type { Store } from "../../src/store/store.js";
import { UpstreamStore } from "../../src/store/upstream/upstream-store.js";

export const RELAY_SECRET = "a secret that relays share with us, 秘密 too";

/** A test commits in sequence. It should not wait for others. */
const AT_ONCE = { waitMs: () => 0, started: () => undefined, committed: () => undefined, restMs: () => 0 };

/** An instance as relays see it. */
async function startUpstream(store: Store, { port = 0, departures = new Departures(realClock) } = {}) {
  const http = createServer((_, response) => response.writeHead(404).end());
  const failures: unknown[] = [];
  const observer = { committed: () => undefined, failed: (error: unknown) => failures.push(error) };
  const limits = { waitMs: 3_000, queuedChangesMax: 1_000_000 };
  const writer = new Writer(store, realClock, limits, observer, AT_ONCE);
  const host: RelayHost = {
    name: "upstream",
    store,
    writer,
    durabilities: ALL_APPLIED,
    history: NO_HISTORY,
    departures,
    metrics: { relays: 0, refused: () => undefined, called: () => undefined } as unknown as RelayHost["metrics"],
    log: { warn: () => undefined } as unknown as RelayHost["log"],
    failed: (error) => failures.push(error),
  };
  const door = new RelayDoor(http, host, {
    secret: RELAY_SECRET,
    isAtLane: () => true,
  });
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  const { port: bound } = http.address() as AddressInfo;
  return {
    port: bound,
    url: `ws://127.0.0.1:${bound}/socketscaler`,
    failures,
    departures,
    door,
    close: async () => {
      door.close();
      http.close();
      http.closeAllConnections();
      await writer.close();
    },
  };
}

/** Opens a relay's store in front of `inner`. Closing it closes all. */
export async function relayed(inner: Store) {
  const upstream = await startUpstream(inner);
  const store = await UpstreamStore.open({ urls: [upstream.url], secret: RELAY_SECRET });
  return {
    store,
    upstream,
    close: async () => {
      await store.close();
      await upstream.close();
      await inner.close();
    },
  };
}
