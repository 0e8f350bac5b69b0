/*
 * `socketscaler demo`: four instances on four ports, to show scaling on one machine. They share
 * only the store: the embedded store of this process or, with VALKEY_URL, Valkey.
 */

import type { Config } from "../server/config.js";
import { openStore } from "../server/open-store.js";
import { type RunningServer, startServer } from "../server/server.js";
import { createLog, type Log } from "../server/telemetry/log.js";
import type { Store } from "../store/store.js";
import { pageFolder } from "./page-folder.js";
import { endSoon, untilSignal } from "./signals.js";

const INSTANCES = 4;

export async function demo(config: Config): Promise<void> {
  const log = createLog(config.logLevel === "info" ? "warn" : config.logLevel);
  const servers: RunningServer[] = [];
  const stores: Store[] = [];
  try {
    await startInstances(config, log, servers, stores);
    const [first] = servers;
    const place = config.upstreamUrls ? "the upstream" : config.valkeyUrl ? "Valkey" : config.dataDir;
    process.stdout.write(
      [
        "",
        "  Four instances with the same board are running:",
        ...servers.map(({ url }) => `    ${url}`),
        "",
        `  Open ${first?.url}/demo to see all four side by side.`,
        `  The board is stored in ${place}. Press Ctrl+C to end the demo.`,
        "",
        "",
      ].join("\n"),
    );
    await untilSignal(log);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all(stores.map((store) => store.close()));
    endSoon();
  }
}

async function startInstances(config: Config, log: Log, servers: RunningServer[], stores: Store[]): Promise<void> {
  for (let index = 0; index < INSTANCES; index++) {
    // A process has one embedded store. Over Valkey, each instance has its own connections.
    const shared = config.valkeyUrl === undefined ? stores[0] : undefined;
    const store = shared ?? (await openStore(config, log));
    if (!shared) stores.push(store);
    const port = config.port === 0 ? 0 : config.port + index;
    const demoUrls = () => servers.map((server) => server.url);
    const name = `instance ${index + 1}`;
    servers.push(await startServer({ config: { ...config, port, name }, store, log, pageFolder, demoUrls }));
  }
}
