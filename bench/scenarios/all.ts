/* Every scenario, in the order of the report. */

import type { Scenario } from "../load/outcome.js";
import { cpu200, cpu2000 } from "./cpu.js";

export const scenarios: readonly Scenario[] = [cpu200, cpu2000];
