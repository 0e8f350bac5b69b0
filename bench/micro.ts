/*
 * `npm run bench:micro`: single parts, each with its question: codec, replica, fan-out, commit script.
 *
 *     npm run bench:micro -- [--quick] [--only micro-codec] [--list]
 */

import { runScenarios } from "./load/runner.js";
import { micros } from "./micro/all.js";

process.exit(await runScenarios(micros));
