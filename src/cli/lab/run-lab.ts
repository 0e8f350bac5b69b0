/* Starts the lab in a temporary folder, and ends all of it with the demo. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../server/telemetry/log.js";
import { StoreUnusable } from "../../store/store.js";
import { pageFolder } from "../page-folder.js";
import { endSoon, untilSignal, WITH_TERMINAL } from "../signals.js";
import { Control } from "./control.js";
import { endExercise, killExercise } from "./exercise.js";
import { Lab } from "./lab.js";
import { ServerPair } from "./servers.js";

export async function runLab(program: string, port: number, log: Log): Promise<void> {
  const asked = untilSignal(log, WITH_TERMINAL);
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-lab-"));
  let servers: ServerPair | undefined;
  let lab: Lab | undefined;
  let control: Control | undefined;
  // A second signal ends this process at once.
  process.on("exit", () => {
    killExercise();
    for (const server of servers?.servers ?? []) server.killNow();
    for (const part of lab?.sides.flatMap(({ parts }) => parts) ?? []) void part.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    process.stdout.write("\n  Starting Valkey, its replica and four instances …\n");
    servers = await ServerPair.open(program, folder);
    await servers.start().catch((error: unknown) => {
      throw new StoreUnusable(`the lab's Valkey (${program}) did not start: start the demo again`, error);
    });
    lab = await Lab.start(servers, folder);
    control = await Control.open(lab, port, pageFolder);
    process.stdout.write(
      [
        "",
        "  Four instances with the same board are running, each as a process of its own:",
        ...lab.ours.parts.map((part) => `    http://localhost:${part.port}`),
        "",
        `  Open http://localhost:${control.port}/demo to break them, and to see how they heal.`,
        "  Only this machine can reach them. Press Ctrl+C to end the demo.",
        "",
        "",
      ].join("\n"),
    );
    await asked;
  } finally {
    control?.close();
    await endExercise();
    await lab?.close();
    if (!lab) await servers?.close();
    rmSync(folder, { recursive: true, force: true });
    endSoon();
  }
}
