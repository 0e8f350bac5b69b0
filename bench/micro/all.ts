/* Every micro-benchmark, in the order of the report. */

import type { Scenario } from "../load/outcome.js";
import { microCodec } from "./codec.js";
import { microCommit } from "./commit.js";
import { microFanOut } from "./fan-out.js";
import { microReplica } from "./replica.js";

export const micros: readonly Scenario[] = [microCodec, microReplica, microFanOut, microCommit];
