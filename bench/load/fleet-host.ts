/*
 * A fleet in a process of its own: see hosted-fleet.ts. It ends, and its servers with it, when its
 * parent does.
 *
 *     fleet-host.ts SYSTEM OPTIONS     with Node's IPC
 */

import { Fleet } from "./fleet.js";
import type { FleetAnswer, FleetCall } from "./hosted-fleet.js";
import { comparedSystems } from "./systems.js";

const [, , name = "", json = "{}"] = process.argv;

process.on("disconnect", () => process.exit());
process.on("unhandledRejection", (error) => answer({ failure: String(error) }));

function answer(message: FleetAnswer): void {
  process.send?.(message);
}

async function startFleet(): Promise<Fleet> {
  const options = JSON.parse(json);
  const system = comparedSystems(options.cells).find((each) => each.name === name);
  if (!system) throw new Error(`unknown system "${name}"`);
  return Fleet.start(system, options);
}

try {
  const fleet = await startFleet();
  process.on("message", async (call: FleetCall) => {
    answer({ result: call[0] === "run" ? await fleet.run(call[1], call[2]) : await fleet[call[0]]() });
  });
  answer({ result: undefined });
} catch (error) {
  answer({ failure: error instanceof Error ? error.message : String(error) });
}
