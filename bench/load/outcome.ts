/* The findings of a scenario, as data: the JSON files in results/, from which README.md is made. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export type Value = number | string | Spread | null;

interface Column {
  readonly key: string;
  readonly label: string;
}

export interface Target {
  readonly text: string;
  readonly measured: number | null;
  readonly bound: number;
  readonly sense: "at most" | "at least";
  readonly unit: string;
  /** A bound beyond the required one. */
  readonly stretch?: number;
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
  /** Failures that SocketScaler must never show. A run with any of them is not recorded. */
  readonly faults?: readonly string[];
  /** The column that a chart shows, by system. */
  readonly chart?: string;
}

/** What a scenario returns; the runner adds its name and question. */
export interface Finding extends Pick<Outcome, "method" | "rows" | "chart" | "faults"> {
  /** Keys of the rows -> labels, in the order of the table. */
  readonly columns: Readonly<Record<string, string>>;
  readonly targets?: readonly Target[];
  readonly notes?: readonly string[];
}

export interface Settings {
  /** A few short rounds, to check that it works. Not recorded, so never quoted. */
  readonly isQuick: boolean;
  tell(line: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly question: string;
  readonly run: (settings: Settings) => Promise<Finding>;
}

export function outcomeOf({ name, question }: Scenario, { method, columns, ...found }: Finding): Outcome {
  const labelled = Object.entries(columns).map(([key, label]) => ({ key, label }));
  return { name, question, method, targets: [], notes: [], ...found, columns: labelled };
}

/** What is required, alone or with a bound beyond it. */
type Bounds = number | { readonly required: number; readonly stretch: number };

export function atMost(bounds: Bounds, unit: string, text: string, measured: number | null): Target {
  return { text, measured, ...boundsOf(bounds), sense: "at most", unit };
}

export function atLeast(bounds: Bounds, unit: string, text: string, measured: number | null): Target {
  return { text, measured, ...boundsOf(bounds), sense: "at least", unit };
}

function boundsOf(bounds: Bounds): Pick<Target, "bound" | "stretch"> {
  return typeof bounds === "number" ? { bound: bounds } : { bound: bounds.required, stretch: bounds.stretch };
}

export function isMet({ measured, bound, sense }: Target): boolean {
  if (measured === null) return false;
  return sense === "at most" ? measured <= bound : measured >= bound;
}

/** The values of all rounds, by system. */
export class Rounds {
  readonly #values = new Map<string, number[]>();

  add(system: string, value: number): void {
    this.of(system).push(value);
  }

  of(system: string): number[] {
    const values = this.#values.get(system) ?? [];
    this.#values.set(system, values);
    return values;
  }

  spread(system: string): Spread {
    return spreadOf(this.of(system));
  }

  /** A row for each system, with the spread of its rounds under `key`. */
  rows(key: string): { readonly [key: string]: Value }[] {
    return Array.from(this.#values, ([system, values]) => ({ system, [key]: spreadOf(values) }));
  }
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

/** `part` from 0 to 1, which is the largest. */
export function percentile(values: readonly number[], part: number): number {
  const index = Math.min(values.length - 1, Math.floor(values.length * part));
  return values.toSorted((a, b) => a - b)[index] ?? Number.NaN;
}

/** For output and tables: three significant figures. */
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
