/*
 * A real instance over a store in memory, on a clock that the test moves. Only a test of limits
 * meets its limits.
 */

import type { Clock } from "../../src/protocol/clock.js";
import { ANYBODY } from "../../src/server/access/access.js";
import { Client } from "../../src/server/clients/client.js";
import { Instance } from "../../src/server/instance/instance.js";
import type { Rate } from "../../src/server/limits/token-bucket.js";
import type { Recipient } from "../../src/server/pages/recipient.js";
import { createLog } from "../../src/server/telemetry/log.js";
import type { Store } from "../../src/store/store.js";
import { FAN_OUT_LIMITS } from "./fan-out-limits.js";

const PLENTY = { perSecond: 1_000_000, burst: 1_000_000 };

interface ModelInstanceOptions {
  readonly clock: Clock;
  readonly store: Store;
  /** Of board `main`. */
  readonly cells: number;
  readonly watches?: Rate;
  /** Most pages that one client may watch. */
  readonly watchedPagesMax?: number;
}

export function modelInstance(options: ModelInstanceOptions): Instance {
  const { clock, store, cells, watches = PLENTY, watchedPagesMax = 200 } = options;
  return new Instance({
    name: "one",
    boards: { main: cells },
    store,
    clock,
    log: createLog("silent"),
    admission: { writes: PLENTY, requests: PLENTY, watches, connectionsPerAddress: 100, connects: PLENTY },
    writer: { waitMs: 5_000, queuedChangesMax: 100_000 },
    fanOut: FAN_OUT_LIMITS,
    watchedPagesMax,
  });
}

/** A client with board `main` open, whose frames go to `recipient`. */
export async function openClient(instance: Instance, recipient: Recipient): Promise<Client> {
  const allowance = instance.admission.allowance("a");
  const presence = { online: 1, onlineEverywhere: 1, people: () => 1 };
  const client = new Client(instance, { recipient, allowance, visitor: ANYBODY, presence, protocol: 1 });
  client.open({ board: "main", protocol: 1 });
  return client;
}
