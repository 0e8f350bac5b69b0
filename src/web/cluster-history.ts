/*
 * What GET /cluster told over the last minutes, and what it means: pure, so that the page only draws. An answer of
 * another form counts as none; of an instance of another version, a number that is missing counts as 0.
 */

export const MEASURES = [
  "clients",
  "watches",
  "pages",
  "writesPerSecond",
  "changesPerSecond",
  "deltasPerSecond",
  "sentBytesPerSecond",
  "cores",
  "memoryBytes",
  "flushMs",
  "loopDelayMs",
  "upSeconds",
] as const;
export type Measure = (typeof MEASURES)[number];

export interface InstanceSample extends Readonly<Record<Measure, number>> {
  readonly id: string;
  readonly name: string;
  readonly storeAvailable: boolean;
  readonly heardMsAgo: number;
}

export interface ClusterHistory {
  /** The latest. */
  readonly instances: readonly InstanceSample[];
  readonly self: string;
  /** What may lose data, if anything. */
  readonly warning?: string;
  /** Oldest first; one list for each answer. */
  readonly past: readonly (readonly InstanceSample[])[];
}

export const NO_HISTORY: ClusterHistory = { instances: [], self: "", past: [] };

/** Answers kept: two minutes. */
export const SAMPLES_MAX = 60;
/** An instance announces itself every 2 s. */
const SILENT_MS = 4_500;
const LATE_MS = 200;
const FULL_FLUSH_MS = 500;

export function withAnswer(history: ClusterHistory, answer: unknown): ClusterHistory | undefined {
  if (!isObject(answer) || !Array.isArray(answer.instances)) return undefined;
  const instances = answer.instances.flatMap((instance: unknown) => sampleOf(instance) ?? []);
  const past = [...history.past, instances].slice(-SAMPLES_MAX);
  const warning = typeof answer.storeWarning === "string" ? { warning: answer.storeWarning } : {};
  return { instances, self: String(answer.self), past, ...warning };
}

export type Health = "well" | "busy" | "silent" | "store away";

export function healthOf({ storeAvailable, heardMsAgo, loopDelayMs, flushMs }: InstanceSample): Health {
  if (heardMsAgo > SILENT_MS) return "silent";
  if (!storeAvailable) return "store away";
  return loopDelayMs > LATE_MS || flushMs > FULL_FLUSH_MS ? "busy" : "well";
}

/** One measure over time: of one instance, or, without an id, the sum of all. */
export function lineOf({ past }: ClusterHistory, measure: Measure, id?: string): number[] {
  return past.map((samples) =>
    samples.reduce((sum, sample) => (id === undefined || sample.id === id ? sum + sample[measure] : sum), 0),
  );
}

/** The points of a polyline in a box of `width` by `height`; the newest is at the right edge. */
export function pointsOf(line: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...line);
  const step = width / (SAMPLES_MAX - 1);
  const start = width - (line.length - 1) * step;
  return line
    .map((value, index) => `${(start + index * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`)
    .join(" ");
}

function sampleOf(instance: unknown): InstanceSample | undefined {
  if (!isObject(instance) || typeof instance.id !== "string" || typeof instance.name !== "string") return undefined;
  const numbers = Object.fromEntries(MEASURES.map((measure) => [measure, numberIn(instance[measure])]));
  return {
    ...(numbers as Record<Measure, number>),
    id: instance.id,
    name: instance.name,
    storeAvailable: instance.storeAvailable === true,
    heardMsAgo: numberIn(instance.heardMsAgo),
  };
}

function numberIn(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
