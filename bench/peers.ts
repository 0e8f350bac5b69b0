/*
 * `npm run bench:peers`: every scenario, each answering one question with a ratio, into results/. All of it takes about
 * twelve minutes on two cores that have nothing else to do; `--quick` about three, for a look.
 *
 *     npm run bench:peers -- [--quick] [--only cpu-200,knee] [--list]
 */

import { runScenarios } from "./load/runner.js";
import { scenarios } from "./scenarios/all.js";

process.exit(await runScenarios(scenarios));
