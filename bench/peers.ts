/*
 * `npm run bench:peers`: every scenario, each answering one question, most with a ratio, into results/. All of it takes about
 * half an hour on two cores that have nothing else to do; `--quick` about three minutes, for a look that is not recorded.
 *
 *     npm run bench:peers -- [--quick] [--only cpu-200,knee] [--list]
 */

import { runScenarios } from "./load/runner.js";
import { scenarios } from "./scenarios/all.js";

process.exit(await runScenarios(scenarios));
