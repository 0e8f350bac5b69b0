/*
 * A server of the lab, as a process of its own: an instance of SocketScaler, or a naive server of
 * the tutorial. It reports its position to the lab, and ends if the lab is gone.
 */

import { rmSync } from "node:fs";
import { every, realClock } from "../../protocol/clock.js";
import { type Config, readConfig } from "../../server/config.js";
import { openStore } from "../../server/open-store.js";
import { startServer } from "../../server/server.js";
import { createLog } from "../../server/telemetry/log.js";
import { pageFolder } from "../page-folder.js";
import { WITH_TERMINAL } from "../signals.js";
import { observeSince, ReplicaObserver } from "./observe-replica.js";
import { BEAT_MS, LAB_BOARD, type ProcessOptions, type ProcessReport } from "./process-messages.js";
import { Asker } from "./resp.js";
import { killLeft, pidsIn } from "./server-pids.js";

export async function labProcess(text: string): Promise<void> {
  const options: ProcessOptions = JSON.parse(text);
  // A terminal sends its signals to every process. The lab ends its processes itself.
  for (const signal of WITH_TERMINAL) process.on(signal, () => undefined);
  process.on("disconnect", () => void endAlone(options));
  if (!process.connected) return endAlone(options);
  await (options.naive ? runNaive(options, options.naive) : runInstance(options));
}

function report(state: ProcessReport): void {
  if (process.connected) process.send?.(state, undefined, undefined, () => undefined);
}

async function runInstance({ number, port, valkeyPort, cells }: ProcessOptions): Promise<void> {
  // The environment is left out: the lab must be the same on every machine.
  const config: Config = readConfig(
    {
      PORT: String(port),
      HOST: "127.0.0.1",
      VALKEY_URL: `valkey://127.0.0.1:${valkeyPort}`,
      BOARDS: `${LAB_BOARD}=${cells}`,
      INSTANCE_NAME: `instance ${number}`,
      LOG_LEVEL: "fatal",
    },
    {},
  );
  const log = createLog(config.logLevel);
  const store = await openStore(config, log);
  let observer: ReplicaObserver | undefined;
  observeSince(store, (from, answer) => void observer?.asked(from, answer));
  const server = await startServer({ config, store, log, pageFolder });
  observer = new ReplicaObserver(server.instance, (state) => report({ port: server.port, ...state }));
}

/** A compiled file of examples/tutorial/naive. */
interface NaiveModule {
  start(valkeyUrl: string, cells: number, port?: number): Promise<{ readonly url: string; version?(): number }>;
}

async function runNaive({ port, valkeyPort, cells }: ProcessOptions, kind: string): Promise<void> {
  const file = new URL(`../../../dist/naive/${kind}.js`, import.meta.url);
  const { start }: NaiveModule = await import(file.href);
  const server = await start(`valkey://127.0.0.1:${valkeyPort}`, cells, port);
  const tell = () => {
    const version = server.version?.();
    report({ port: Number(new URL(server.url).port), position: version === undefined ? undefined : String(version) });
  };
  tell();
  every(realClock, BEAT_MS / 5, tell);
}

/** The lab was killed. Its servers and its folder would remain. */
async function endAlone({ serverPorts, folder }: ProcessOptions): Promise<void> {
  const pids = pidsIn(folder);
  await Promise.all(serverPorts.map((port) => new Asker(port).ask("SHUTDOWN", "NOSAVE")));
  // A stopped server does not answer.
  killLeft(pids);
  rmSync(folder, { recursive: true, force: true });
  process.exit(1);
}
