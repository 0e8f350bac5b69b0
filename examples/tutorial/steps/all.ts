/* The steps in order: each builds on the one before. */

import type { Lesson } from "../step.js";
import { failover } from "./failover.js";
import { groupCommit } from "./group-commit.js";
import { joinRace } from "./join-race.js";
import { lostUpdate } from "./lost-update.js";
import { positions } from "./positions.js";
import { pubSub } from "./pub-sub.js";

export const STEPS: readonly Lesson[] = [pubSub, lostUpdate, joinRace, positions, groupCommit, failover];
