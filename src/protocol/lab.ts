/*
 * The messages between the lab of `socketscaler demo` and its web page /demo. The server is in
 * src/cli/lab, the web page in src/web/lab. No instance knows these messages.
 */

export type SideName = "ours" | "naive";

/** The naive servers of the tutorial, by the name of their file. */
export type NaiveKind = "island" | "json-array" | "bitmap" | "version-number";

/**
 * starting  not ready yet
 * up        runs
 * hung      stopped by SIGSTOP: its connections are open and it does nothing
 * down      killed
 */
export type PartState = "starting" | "up" | "hung" | "down";

/** One of the two Valkey servers. */
export interface ServerView {
  readonly name: "a" | "b";
  readonly role: "primary" | "replica";
  readonly state: PartState;
  /** The position of the page in this server, as `version.tag`. Undefined if it does not answer. */
  readonly position: string | undefined;
  /** Whether the replica receives from its primary. */
  readonly isLinked: boolean;
}

export interface InstanceView {
  readonly number: number;
  readonly state: PartState;
  /** The position of its replica. A naive server has none, or counts versions. */
  readonly position: string | undefined;
  readonly url: string;
}

export interface BrowserView {
  readonly number: number;
  readonly isConnected: boolean;
  /** The number of the instance behind its connection. */
  readonly instance: number | undefined;
  readonly position: string | undefined;
  /** A 0 or 1 for each box, as this browser shows it. */
  readonly cells: string;
  /** Clicks without an answer. */
  readonly pending: number;
}

export interface SideView {
  readonly instances: readonly InstanceView[];
  readonly browsers: readonly BrowserView[];
  /** The boxes that every browser should show. Undefined while the primary does not answer. */
  readonly right: string | undefined;
  /** Names of the parts that are not at the primary's state, with the reason. */
  readonly behind: readonly Behind[];
}

export interface Behind {
  readonly part: string;
  readonly why: string;
}

/** Something that was seen during a trial, with the time since the fault. */
export interface Sighting {
  readonly ms: number;
  readonly text: string;
}

/** The result of a trial on one side. All times are measured. */
export interface Finding {
  /** From the fault until every part agreed. Undefined as long as some do not. */
  readonly healedMs: number | undefined;
  /** From the moment when the cause was removed, if somebody removed it. */
  readonly sinceCureMs: number | undefined;
  /** Largest number of parts that were behind at the same time. */
  readonly behindMost: number;
  /** Boxes that some browser shows wrongly now. */
  readonly wrong: number;
  /** Clicks of this trial, those that were acknowledged, and those that the store lacks. */
  readonly clicks: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** Clicks without an answer that the store lacks. */
  readonly gone: number;
  /** Whether another button was pressed before all agreed. */
  readonly isInterrupted: boolean;
  /** Commits and messages to browsers since the fault. */
  readonly commits: number;
  readonly frames: number;
  readonly sightings: readonly Sighting[];
}

/** One fault, and what came of it. */
export interface Trial {
  readonly number: number;
  readonly action: ActionName;
  readonly title: string;
  /** Whether it is still being watched. */
  readonly isOpen: boolean;
  readonly ours: Finding;
  readonly naive: Finding | undefined;
}

export interface LabView {
  readonly cells: number;
  readonly servers: readonly ServerView[];
  readonly ours: SideView;
  readonly naive: (SideView & { readonly kind: NaiveKind }) | undefined;
  /** The newest first. */
  readonly trials: readonly Trial[];
  /** The work of the lab now. Undefined if it waits for the next button. */
  readonly busy: string | undefined;
  /** Why the last order was not carried out. */
  readonly problem: string | undefined;
}

/** A message on its way, as the lab has seen it on the wire. */
export interface Hop {
  /** `ours.browser.1`, `naive.instance.2`, `valkey.a` */
  readonly from: string;
  readonly to: string;
  readonly kind: HopKind;
  readonly label: string;
  /** Number of messages of this kind within one report. */
  readonly count: number;
}

/**
 * write   a browser's click, to its instance
 * commit  an instance's request to Valkey
 * news    a message of Pub/Sub, to an instance
 * frame   changes, to a browser
 * copy    replication
 * lost    news that the lab has thrown away
 */
export type HopKind = "write" | "commit" | "news" | "frame" | "copy" | "lost";

export interface LabReport {
  readonly view?: LabView;
  readonly hops?: readonly Hop[];
}

export const ACTIONS = [
  "click",
  "storm",
  "kill",
  "start",
  "hang",
  "resume",
  "cut",
  "lose",
  "join",
  "hang-valkey",
  "resume-valkey",
  "kill-valkey",
  "start-valkey",
  "promote",
  "naive",
] as const;

export type ActionName = (typeof ACTIONS)[number];

/** The body of a request to the lab. */
export interface LabOrder {
  readonly action: ActionName;
  /** The instance or browser that the action is about, from 1. */
  readonly target?: number | undefined;
  /** For `click`. */
  readonly cell?: number | undefined;
  readonly side?: SideName | undefined;
  /** For `naive`: the servers to run, or none. */
  readonly kind?: NaiveKind | "none" | undefined;
}

/** How an exercise of the tutorial stands. */
export interface ExerciseReport {
  readonly file: string;
  readonly output: string;
  /** Undefined while it runs. */
  readonly isPassed: boolean | undefined;
}
