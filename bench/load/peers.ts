/* All peers that can do the work of a shared board. */

import { colyseus, hocuspocus } from "./frameworks.js";
import { redisAdapter, streamsAdapter, teaching, wsPubSub } from "./per-change.js";
import type { System } from "./system.js";

export const allPeers: readonly System[] = [teaching, redisAdapter, streamsAdapter, wsPubSub, colyseus, hocuspocus];
