/*
 * `npm run bench:sizing`: what operators reckon with, measured, and written into docs/operations.md. About a minute and a
 * half on two cores that have nothing else to do; `--quick` half a minute, for a look that is not recorded.
 */

import { writeTables } from "../scripts/operations-tables.js";
import { runScenarios } from "./load/runner.js";
import { sizing } from "./scenarios/sizing.js";

const code = await runScenarios([sizing]);
if (code === 0) writeTables();
process.exit(code);
