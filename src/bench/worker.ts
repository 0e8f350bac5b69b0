/* The thread that runs a share of the swarm. It executes the main thread's calls. */

import { parentPort, workerData } from "node:worker_threads";
import { countAnswers } from "./http-answers.js";
import type { Report, Share } from "./messages.js";
import { type Call, Swarm } from "./swarm.js";
import { Tally } from "./tally.js";

const TALLY_EVERY_MS = 1_000;

const port = parentPort;
if (!port) throw new Error("this file is a worker of crew.ts");
const tally = new Tally();
const share: Share = workerData;
const swarm = new Swarm(share, tally);
if (share.scenario.via === "feed") countAnswers(tally);
let idleSince = performance.eventLoopUtilization();

const report = (message: Report) => port.postMessage(message);
const handOver = () => {
  const now = performance.eventLoopUtilization();
  const { utilization } = performance.eventLoopUtilization(now, idleSince);
  idleSince = now;
  report({ kind: "tally", tallied: tally.take(), live: swarm.live, busy: utilization });
};
setInterval(handOver, TALLY_EVERY_MS);

port.on("message", async ({ name, args }: Call) => {
  const answer = await Reflect.apply(swarm[name], swarm, args);
  handOver();
  report({ kind: "answer", answer });
});
