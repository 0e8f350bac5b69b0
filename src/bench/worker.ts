/* The thread that runs a share of the swarm. It does what the main thread says, one command after the other. */

import { parentPort, workerData } from "node:worker_threads";
import type { Answers, Command, Report, Share } from "./messages.js";
import { Swarm } from "./swarm.js";
import { Tally } from "./tally.js";

const TALLY_EVERY_MS = 1_000;

const port = parentPort;
if (!port) throw new Error("this file is a worker of crew.ts");
const tally = new Tally();
const share: Share = workerData;
const swarm = new Swarm(share, tally);
let idleSince = performance.eventLoopUtilization();

const report = (message: Report) => port.postMessage(message);
const handOver = () => {
  const now = performance.eventLoopUtilization();
  const { utilization } = performance.eventLoopUtilization(now, idleSince);
  idleSince = now;
  report({ kind: "tally", tallied: tally.take(), live: swarm.live, busy: utilization });
};
const timer = setInterval(handOver, TALLY_EVERY_MS);

port.on("message", async (command: Command) => {
  const answer = await obey(command);
  handOver();
  report({ kind: "answer", name: command.name, answer });
  if (command.name === "close") {
    clearInterval(timer);
    port.close();
  }
});

async function obey(command: Command): Promise<Answers[Command["name"]]> {
  switch (command.name) {
    case "connect":
      return { live: await swarm.connect(command.withinMs) };
    case "load":
      await swarm.load(command.rate, command.durationMs);
      return null;
    case "settle":
      return { pending: await swarm.settle(command.withinMs) };
    case "compare":
      return swarm.compare(command.pages);
    case "close":
      swarm.close();
      return null;
  }
}
