/* `socketscaler serve`: one instance until a signal ends it, or one in each of several workers. */

import cluster from "node:cluster";
import type { Config } from "../server/config.js";
import { openStore } from "../server/open-store.js";
import { nameAt } from "../server/run-instance.js";
import { type RunningServer, startServer } from "../server/server.js";
import { createLog } from "../server/telemetry/log.js";
import { VERSION } from "../server/telemetry/version.js";
import { joinMachine } from "./machine-metrics.js";
import { pageFolder } from "./page-folder.js";
import { endSoon, untilSignal } from "./signals.js";
import { placeOfWorker, serveByWorkers } from "./workers.js";

export async function serve(config: Config): Promise<void> {
  if (config.workers === 1) return serveOne(config);
  if (cluster.isPrimary) return serveByWorkers(config);
  const worker = await placeOfWorker();
  try {
    await serveOne({ ...config, name: `${config.name || nameAt(config)} worker ${worker.place.number}` }, worker);
  } finally {
    // The primary may have ended.
    if (process.connected) process.disconnect();
  }
}

async function serveOne(config: Config, worker?: Awaited<ReturnType<typeof placeOfWorker>>): Promise<void> {
  const log = createLog(config.logLevel);
  const store = await openStore(config, log);
  try {
    let running: RunningServer | undefined;
    // Before the instance listens, because from then on the primary counts it.
    const metrics = worker && joinMachine(async () => (running ? running.instance.metrics.parts() : []));
    const server = await startServer({ config, store, log, pageFolder, worker: worker?.place, metrics });
    running = server;
    const { url, metricsUrl } = server;
    const { boards } = config;
    const instance = server.instance.name;
    log.info({ version: VERSION, url, metricsUrl, pid: process.pid, instance, store: store.engine, boards }, "serving");
    await (worker ? worker.asked : untilSignal(log));
    // With the embedded store this is the only instance, so clients cannot move to another.
    await (store.engine === "embedded" ? server.close() : server.drain());
  } finally {
    await store.close();
    endSoon();
  }
}
