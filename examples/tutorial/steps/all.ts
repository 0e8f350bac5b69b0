/* The steps, in the order in which one builds on the other. */

import type { Step } from "../step.js";
import { failover } from "./failover.js";
import { groupCommit } from "./group-commit.js";
import { joinRace } from "./join-race.js";
import { lostUpdate } from "./lost-update.js";
import { positions } from "./positions.js";
import { pubSub } from "./pub-sub.js";

export const STEPS: readonly Step[] = [pubSub, lostUpdate, joinRace, positions, groupCommit, failover];
