/* The observations of the scenes, as data. findings.ts decides what they mean. */

/** Why a scene was not played, or not to its end. */
export interface NotPlayed {
  readonly notPlayed: string;
}

export interface DivergenceSeen {
  /** Clicks at one instance for each other instance. */
  readonly clicks: number;
  /** Pairs of instances between which no click arrived. */
  readonly deaf: readonly { readonly from: string; readonly to: string }[];
  /** Boxes that the instances store differently. */
  readonly storedDifferently: number;
}

export interface LostSeen {
  readonly clicks: number;
  /** Acknowledged, or shown by a witness. */
  readonly confirmed: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Confirmed, and not in the stored board. */
  readonly lost: number;
}

export interface OrderSeen {
  readonly boxes: number;
  /** Boxes that two witnesses show differently, although both received both clicks. */
  readonly differing: number;
  /** Boxes that two witnesses show differently, and one of them did not receive both clicks. */
  readonly unexplained: number;
  readonly areInstances: boolean;
}

export interface ToggleSeen {
  /** Boxes that were set twice to the same value. */
  readonly tries: number;
  /** Of them, those that then had the other value. */
  readonly flipped: number;
}

export interface JoinSeen {
  readonly newcomers: number;
  readonly clicks: number;
  /** Newcomers who lack a click that was made while they joined. */
  readonly lacking: number;
}

export interface MissedSeen {
  readonly clicks: number;
  /** Clicks that the client lacks although it was connected all the time. */
  readonly missedWhileConnected: number;
  /** Clicks made while it was cut off that it lacks after it connected again. */
  readonly missedWhileCut: number;
  /** Clicks made after it had connected again that it lacks. */
  readonly missedAfter: number;
}

export interface CatchUpSeen {
  readonly clicks: number;
  readonly lacking: number;
  readonly isElsewhere: boolean;
}

export interface BlindSeen {
  readonly clicks: number;
  readonly refused: number;
  /** Clicks of the busy client that are stored and that a witness lacks. */
  readonly lacking: number;
  /** Witnesses that the server disconnected. */
  readonly disconnected: number;
  /** All clients of the judge have one address, and a limit may refuse that. */
  readonly isOtherRefused: boolean;
  /** False if another client's click during the burst was ignored or not shown. */
  readonly isOtherHeard: boolean;
  /** The other's answer to `GET`, after one address has read the board many times. */
  readonly reading: "untried" | "open" | "refused";
  readonly readings: number;
}

export interface CrashSeen {
  readonly messages: number;
  /** The message after which other clients lost their connections. */
  readonly ending: string | undefined;
  /** True if the server took a new client afterwards. */
  readonly isBack: boolean;
  /** The fault of the stored board afterwards, if it has one. */
  readonly damage: string | undefined;
}

export interface StallSeen {
  readonly messages: number;
  readonly worstMs: number;
  readonly usualMs: number;
  /** The message after which no click arrived in time. */
  readonly stalling: string | undefined;
  readonly waitedMs: number;
}

export interface Observations {
  readonly divergence: DivergenceSeen | NotPlayed;
  readonly lost: LostSeen | NotPlayed;
  readonly order: OrderSeen | NotPlayed;
  readonly toggle: ToggleSeen | NotPlayed;
  readonly join: JoinSeen | NotPlayed;
  readonly missed: MissedSeen | NotPlayed;
  readonly catchUp: CatchUpSeen | NotPlayed;
  readonly blind: BlindSeen | NotPlayed;
  readonly crash: CrashSeen | NotPlayed;
  readonly stall: StallSeen | NotPlayed;
  /** Clicks of other scenes than "lost" that were acknowledged or shown, and are not stored. */
  readonly vanished: number;
  /** Clicks that are stored and never reached a client that was connected. */
  readonly strays: number;
}

export type CheckId = Exclude<keyof Observations, "vanished" | "strays">;
