/* All systems that can serve a shared board: ours first, through both doors, then the peers. */

import { colyseus, hocuspocus } from "./frameworks.js";
import { ours, oursOverSocketIo } from "./ours.js";
import { redisAdapter, streamsAdapter, teaching, wsCoalesced, wsPubSub } from "./per-change.js";
import type { System } from "./system.js";

export function comparedSystems(cells: number): readonly System[] {
  return [
    ours(cells),
    oursOverSocketIo(cells),
    teaching,
    redisAdapter,
    streamsAdapter,
    wsPubSub,
    wsCoalesced,
    colyseus,
    hocuspocus,
  ];
}
