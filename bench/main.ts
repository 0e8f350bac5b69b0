/*
 * `npm run bench`: every scenario, each answering one question, recorded in results/. All of them
 * take about two hours on two cores that do nothing else.
 *
 *     npm run bench -- [--only NAME,NAME] [--quick] [--list]
 */

import { runOnBenchNode } from "./load/node.js";
import { runScenarios } from "./load/runner.js";
import { scenarios } from "./scenarios/all.js";

process.exit((await runOnBenchNode()) ?? (await runScenarios(scenarios)));
