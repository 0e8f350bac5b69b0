/*
 * What a seed decides before anything happens: how large the world is, which of its parts fail, and how often. Each run
 * has its own mixture of faults (swarm testing: Groce et al., 2012): with all of them in every run, one hides another.
 */

import { type ClaimRule, type ClaimRules, NO_CLAIMS } from "../../src/store/claims.js";
import { Random } from "../support/random.js";

/** Faults that colour a whole run. */
const COLOURS = ["lose news", "repeat news", "slow news"] as const;

/** Faults that strike at a moment. */
export const STRIKES = [
  "interrupt",
  "deafen",
  "cut store link",
  "mute store link",
  "hang",
  "fail over",
  "restore dump",
  "trim logs",
  "crash",
  "cut line",
  "stall",
] as const;
export type Strike = (typeof STRIKES)[number];

export const FAULTS = [...COLOURS, ...STRIKES] as const;
type Fault = (typeof FAULTS)[number];

export interface Plan {
  readonly instances: number;
  readonly users: number;
  /** Board name -> cells. */
  readonly boards: Readonly<Record<string, number>>;
  /** The cells that users set, of each board. */
  readonly cells: readonly number[];
  /** Time with faults; then comes the quiet. */
  readonly stormMs: number;
  readonly faults: ReadonlySet<Fault>;
  /** Mean time between strikes. */
  readonly strikeEveryMs: number;
  /** Mean time between two acts of one user. */
  readonly actEveryMs: number;
  readonly delayMsMax: number;
  readonly logMax: number;
  readonly writeWaitMs: number;
  readonly writesPerSecond: number;
  readonly queuedChangesMax: number;
  readonly claims: ClaimRules;
  /** On boards with claims, users of the same visitor are one owner. With none, each session is. */
  readonly visitors: number;
}

const SMALL = { boards: { main: 100 }, cells: [0, 1, 7, 8, 9, 50, 98, 99] };
const TWO_BOARDS = { boards: { main: 40, other: 9 }, cells: [0, 1, 5, 8] };
/** Two pages, the second short. */
const LARGE = { boards: { main: 65_576 }, cells: [0, 9, 65_535, 65_536, 65_537, 65_575] };

/** How many worlds have claims. */
const CLAIMS_SHARE = 0.3;
const RULES: readonly ClaimRule[] = [
  { ms: 0, isLease: false },
  { ms: 250, isLease: false },
  { ms: 700, isLease: false },
  { ms: 1_200, isLease: true },
];

/** The chance of a world. The plan is what it decides first. */
export function randomOf(seed: number): Random {
  return new Random(~seed);
}

export function planFor(random: Random): Plan {
  const share = random.pick([0.25, 0.5, 0.75]);
  const faults = new Set(FAULTS.filter(() => random.chance(share)));
  const size = random.pick([SMALL, SMALL, SMALL, SMALL, TWO_BOARDS, LARGE]);
  // At one or two cells, users are in each other's way all the time, and in their own.
  const cells = random.chance(0.3) ? size.cells.slice(-2) : size.cells;
  const plan: Plan = {
    ...size,
    cells,
    instances: random.whole(1, 3),
    users: random.whole(1, 4),
    stormMs: random.between(500, 2_000),
    faults,
    strikeEveryMs: random.between(60, 400),
    actEveryMs: random.pick([20, 60, 120]),
    delayMsMax: random.pick([2, 10, 40]),
    logMax: random.pick([0, 2, 8, 50]),
    writeWaitMs: random.pick([60, 150, 600, 3_000]),
    writesPerSecond: random.pick([10, 30, 10_000, 10_000]),
    queuedChangesMax: random.pick([12, 1_000, 1_000]),
    claims: NO_CLAIMS,
    visitors: random.pick([0, 0, 2]),
  };
  return random.chance(CLAIMS_SHARE) ? withClaims(plan, random.pick(RULES)) : plan;
}

function withClaims(plan: Plan, rule: ClaimRule): Plan {
  const claims = { boards: new Map([["main", rule]]), others: undefined };
  // A lease lasts only if its client may write as often as it renews.
  const limits = rule.isLease && { writesPerSecond: 10_000, queuedChangesMax: 1_000 };
  return { ...plan, claims, ...limits };
}
