/* The options of a process of the lab, and its reports to the lab over its channel. */

import type { NaiveKind } from "../../protocol/lab.js";
import type { ResyncCause } from "../../server/pages/follower.js";

export interface ProcessOptions {
  readonly naive: NaiveKind | undefined;
  readonly number: number;
  /** 0 for any free port. */
  readonly port: number;
  /** Where this process finds Valkey: the port of its wire. */
  readonly valkeyPort: number;
  readonly cells: number;
  /** To clean up if the lab itself was killed. */
  readonly serverPorts: readonly number[];
  readonly folder: string;
}

/** Sent when the process is ready, on each change, and every BEAT_MS. */
export interface ProcessReport {
  readonly port: number;
  readonly position: string | undefined;
  /** Set if the replica has asked the store for what it missed. */
  readonly resync?: Resync | undefined;
}

export interface Resync {
  readonly causes: readonly ResyncCause[];
  readonly from: string;
  readonly to: string;
  readonly deltas: number;
  readonly isSnapshot: boolean;
}

/** A process that has not reported for a few of these is taken for hung. */
export const BEAT_MS = 250;

export const LAB_BOARD = "main";
