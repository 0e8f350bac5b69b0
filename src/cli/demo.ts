/*
 * `socketscaler demo`: a lab of four instances over Valkey that can be broken (lab/), if this
 * machine has a Valkey server. Otherwise four instances in this process, over one embedded store.
 */

import { existsSync } from "node:fs";
import type { Config } from "../server/config.js";
import { openStore } from "../server/open-store.js";
import { type RunningServer, startServer } from "../server/server.js";
import { createLog, type Log } from "../server/telemetry/log.js";
import type { Store } from "../store/store.js";
import { pageFolder } from "./page-folder.js";
import { endSoon, untilSignal, WITH_TERMINAL } from "./signals.js";

const INSTANCES = 4;

/** `isPlain` leaves the lab out. */
export async function demo(config: Config, isPlain: boolean): Promise<void> {
  const log = createLog(config.logLevel === "info" ? "warn" : config.logLevel);
  const { findServer } = await import("./lab/servers.js");
  // A Valkey that is named is somebody's own, which the lab must not break.
  const program = isPlain || config.valkeyUrl !== undefined ? undefined : findServer();
  if (program !== undefined) {
    const { runLab } = await import("./lab/run-lab.js");
    return runLab(program, config.port, log);
  }
  const isMissing = !isPlain && config.valkeyUrl === undefined;
  await showPanes(config, log, isMissing ? noServer() : []);
}

async function showPanes(config: Config, log: Log, notice: readonly string[]): Promise<void> {
  const servers: RunningServer[] = [];
  const stores: Store[] = [];
  try {
    await startInstances(config, log, servers, stores);
    const [first] = servers;
    const place = config.upstreamUrls ? "the upstream" : config.valkeyUrl ? "Valkey" : config.dataDir;
    process.stdout.write(
      [
        "",
        ...notice,
        "  Four instances with the same board are running:",
        ...servers.map(({ url }) => `    ${url}`),
        "",
        `  Open ${first?.url}/demo to see all four side by side.`,
        `  The board is stored in ${place}. Press Ctrl+C to end the demo.`,
        "",
        "",
      ].join("\n"),
    );
    await untilSignal(log, WITH_TERMINAL);
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

function noServer(): string[] {
  return [
    "  No valkey-server or redis-server of version 7 or later was found on your PATH.",
    `  Install one to turn this demo into a lab in which you can break things: ${installCommand()}`,
    "",
  ];
}

/** Package managers, and how each installs a server that the store supports. */
const INSTALLERS = [
  ["/usr/bin/apt-get", "sudo apt-get install redis-server"],
  ["/usr/bin/dnf", "sudo dnf install valkey"],
  ["/usr/bin/pacman", "sudo pacman -S valkey"],
  ["/sbin/apk", "sudo apk add valkey"],
] as const;

function installCommand(): string {
  return INSTALLERS.find(([program]) => existsSync(program))?.[1] ?? "brew install valkey";
}
