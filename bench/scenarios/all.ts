/* Every scenario, in the order of the report. */

import type { Scenario } from "../load/outcome.js";
import { microCodec } from "../micro/codec.js";
import { microCommit } from "../micro/commit.js";
import { microFanOut } from "../micro/fan-out.js";
import { microReplica } from "../micro/replica.js";
import { boardSize } from "./board-size.js";
import { firstPicture } from "./browser/first-picture.js";
import { frames } from "./browser/frames.js";
import { interactions } from "./browser/interactions.js";
import { panningMemory } from "./browser/panning-memory.js";
import { claims } from "./claims.js";
import { commits } from "./commits.js";
import { cpu200, cpu2000, cpu10000 } from "./cpu.js";
import { crowdCache } from "./crowds/cache.js";
import { relayClick } from "./crowds/relay-click.js";
import { relayJoins } from "./crowds/relay-joins.js";
import { relays } from "./crowds/relays.js";
import { viewers } from "./crowds/viewers.js";
import { drain } from "./faults/drain.js";
import { drift } from "./faults/drift.js";
import { failover } from "./faults/failover.js";
import { hostile, hostileEmbedded } from "./faults/hostile.js";
import { jitter } from "./faults/jitter.js";
import { outage } from "./faults/outage.js";
import { restore } from "./faults/restore.js";
import { seats } from "./faults/seats.js";
import { frameCost } from "./frame-cost.js";
import { giant } from "./giant.js";
import { idleClick } from "./idle-click.js";
import { join } from "./join.js";
import { knee } from "./knee.js";
import { manyIdle } from "./many-idle.js";
import { manyInstances } from "./many-instances.js";
import { memory } from "./memory.js";
import { seatMap } from "./seat-map.js";
import { sizing } from "./sizing.js";
import { wireBytes } from "./wire-bytes.js";

const compared = [
  cpu200,
  cpu2000,
  cpu10000,
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
const crowds = [relays, viewers, relayClick, relayJoins, crowdCache];
const faults = [seats, drain, failover, outage, restore, drift, jitter, hostile, hostileEmbedded];
const micros = [microCodec, microReplica, microFanOut, microCommit];

export const scenarios: readonly Scenario[] = [
  ...compared,
  manyInstances,
  ...crowds,
  claims,
  seatMap,
  sizing,
  giant,
  firstPicture,
  frames,
  interactions,
  panningMemory,
  ...faults,
  ...micros,
];
