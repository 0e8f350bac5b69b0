/*
 * The answers to GET /cluster over the last minutes, and what they mean. Pure. A malformed answer
 * counts as none. A number that an instance of another version does not report counts as 0.
 */

import { isObject } from "./address/instance-answers.js";

export type Measure = "clients" | "writesPerSecond" | "deltasPerSecond" | "sentBytesPerSecond";

export type InstanceSample = NonNullable<ReturnType<typeof sampleOf>>;

export interface ClusterHistory {
  readonly instances: readonly InstanceSample[];
  readonly self: string;
  readonly warning?: string;
  /** One list for each answer, oldest first. */
  readonly past: readonly (readonly InstanceSample[])[];
}

export const NO_HISTORY: ClusterHistory = { instances: [], self: "", past: [] };

/** The number of answers kept: those of two minutes. */
export const SAMPLES_MAX = 60;
/** An instance announces itself every 2.5 s or sooner, and hears of the others as often. */
const SILENT_MS = 5_500;
const LATE_MS = 200;
const FULL_FLUSH_MS = 500;

export function withAnswer(history: ClusterHistory, answer: unknown): ClusterHistory | undefined {
  if (!isObject(answer) || !Array.isArray(answer.instances)) return undefined;
  const instances = answer.instances.flatMap((instance: unknown) => sampleOf(instance) ?? []);
  const past = [...history.past, instances].slice(-SAMPLES_MAX);
  const warning = typeof answer.storeWarning === "string" ? { warning: answer.storeWarning } : {};
  return { instances, self: String(answer.self), past, ...warning };
}

type Health = "healthy" | "busy" | "silent" | "store unavailable";

export function healthOf({ storeAvailable, heardMsAgo, loopDelayMs, flushMs }: InstanceSample): Health {
  if (heardMsAgo > SILENT_MS) return "silent";
  if (!storeAvailable) return "store unavailable";
  return loopDelayMs > LATE_MS || flushMs > FULL_FLUSH_MS ? "busy" : "healthy";
}

/** More than one during an upgrade; "?" for 0.2.0 and older. */
export function versionsOf(instances: readonly InstanceSample[]): string[] {
  return [...new Set(instances.map(({ version }) => version))].sort();
}

/** One measure over time, of one instance or, without an id, the sum of all. */
export function lineOf({ past }: ClusterHistory, measure: Measure, id?: string): number[] {
  return past.map((samples) =>
    samples.reduce((sum, sample) => (id === undefined || sample.id === id ? sum + sample[measure] : sum), 0),
  );
}

/** The points of a polyline in a box of `width` by `height`. The newest is at the right edge. */
export function pointsOf(line: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...line);
  const step = width / (SAMPLES_MAX - 1);
  const start = width - (line.length - 1) * step;
  return line
    .map((value, index) => `${(start + index * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`)
    .join(" ");
}

function sampleOf(instance: unknown) {
  if (!isObject(instance) || typeof instance.id !== "string" || typeof instance.name !== "string") return undefined;
  const number = (name: string) => {
    const value = instance[name];
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
  };
  return {
    id: instance.id,
    name: instance.name,
    version: typeof instance.version === "string" ? instance.version : "?",
    storeAvailable: instance.storeAvailable === true,
    heardMsAgo: number("heardMsAgo"),
    clients: number("clients"),
    pages: number("pages"),
    writesPerSecond: number("writesPerSecond"),
    deltasPerSecond: number("deltasPerSecond"),
    sentBytesPerSecond: number("sentBytesPerSecond"),
    cores: number("cores"),
    memoryBytes: number("memoryBytes"),
    flushMs: number("flushMs"),
    loopDelayMs: number("loopDelayMs"),
    upSeconds: number("upSeconds"),
  };
}
