/* Every scenario, in the order of the report. */

import type { Scenario } from "../load/outcome.js";
import { boardSize } from "./board-size.js";
import { commits } from "./commits.js";
import { cpu200, cpu2000 } from "./cpu.js";
import { frameCost } from "./frame-cost.js";
import { idleClick } from "./idle-click.js";
import { join } from "./join.js";
import { knee } from "./knee.js";
import { manyIdle } from "./many-idle.js";
import { memory } from "./memory.js";
import { wireBytes } from "./wire-bytes.js";

export const scenarios: readonly Scenario[] = [
  cpu200,
  cpu2000,
  frameCost,
  knee,
  idleClick,
  commits,
  boardSize,
  wireBytes,
  memory,
  manyIdle,
  join,
];
