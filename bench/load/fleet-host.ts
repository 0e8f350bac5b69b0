/*
 * A fleet in a process of its own: see hosted-fleet.ts. It ends, and its servers with it, when its parent does.
 *
 *     fleet-host.ts SYSTEM OPTIONS     with Node's IPC
 */

import { Fleet, type FleetOptions } from "./fleet.js";
import type { FleetAnswer, FleetCall } from "./hosted-fleet.js";
import { comparedSystems } from "./systems.js";

const [, , name = "", json = "{}"] = process.argv;
const options: FleetOptions = JSON.parse(json);
const answer = (message: FleetAnswer) => process.send?.(message);

process.on("disconnect", () => process.exit());
process.on("unhandledRejection", (error) => answer({ kind: "failed", reason: String(error) }));

const system = comparedSystems(options.cells).find((each) => each.name === name);
if (!system) throw new Error(`there is no system ${name}`);
try {
  const fleet = await Fleet.start(system, options);
  process.on("message", async (call: FleetCall) => answer(await obey(fleet, call)));
  answer({ kind: "started" });
} catch (error) {
  answer({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
}

async function obey(fleet: Fleet, call: FleetCall): Promise<FleetAnswer> {
  switch (call.name) {
    case "run":
      return { kind: "ran", run: await fleet.run(call.rate, call.seconds) };
    case "judge":
      return { kind: "judged", correctness: await fleet.judge() };
    case "stop":
      await fleet.stop();
      return { kind: "stopped" };
  }
}
