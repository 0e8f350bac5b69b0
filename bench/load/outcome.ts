/* What a scenario found, as data: the JSON files in results/, from which README.md is made. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export type Value = number | string | Spread | null;

export interface Column {
  readonly key: string;
  readonly label: string;
}

export interface Target {
  readonly text: string;
  /** What was measured, and what it may be at most, or must be at least. */
  readonly measured: number | null;
  readonly bound: number;
  readonly sense: "at most" | "at least";
  readonly unit: string;
}

export interface Outcome {
  readonly name: string;
  readonly question: string;
  /** How it was measured, in sentences. */
  readonly method: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Value>>[];
  readonly targets: readonly Target[];
  readonly notes: readonly string[];
  /** What SocketScaler did that it may in no run: such a run has failed, and is not recorded. */
  readonly faults?: readonly string[];
  /** The column that a chart shows, by system. */
  readonly chart?: string;
}

export interface Settings {
  /** Short and few rounds: to see that it works. Not recorded, so never quoted. */
  readonly isQuick: boolean;
  tell(line: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly run: (settings: Settings) => Promise<Outcome>;
}

export function isMet({ measured, bound, sense }: Target): boolean {
  if (measured === null) return false;
  return sense === "at most" ? measured <= bound : measured >= bound;
}

export function spreadOf(values: readonly number[]): Spread {
  // A round without a value is one that could not be measured.
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  const [low = Number.NaN] = sorted;
  return { median: median(sorted), low, high: sorted.at(-1) ?? Number.NaN };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** `part` from 0 to 1. */
export function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}

/** For output and tables: three figures, or what it is. */
export function show(value: Value | undefined): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "string") return value;
  if (typeof value === "number") return figures(value);
  return value.low === value.high
    ? figures(value.median)
    : `${figures(value.median)} (${figures(value.low)}–${figures(value.high)})`;
}

function figures(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}
