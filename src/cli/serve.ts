/* `socketscaler serve`: one instance, until a signal ends it. */

import type { Config } from "../server/config.js";
import { createLog } from "../server/log.js";
import { openStore, startServer } from "../server/server.js";
import { pageFolder } from "./page-folder.js";
import { untilSignal } from "./signals.js";

export async function serve(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  const store = await openStore(config, log);
  try {
    const server = await startServer({ config, store, log, pageFolder });
    const { url, metricsUrl } = server;
    log.info({ url, metricsUrl, instance: config.name, store: store.engine, boards: config.boards }, "serving");
    await untilSignal(log);
    await server.close();
  } finally {
    await store.close();
  }
}
