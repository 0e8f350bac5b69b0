/*
 * A scenario: what load is put on which deployment. Plain data; the one table of its options, from which come the
 * command's flags, their help and checks.
 */

export const SPREADS = ["uniform", "hot", "draw"] as const;

/**
 * Where the writes go.
 * uniform  anywhere
 * hot      nine of ten to a hundred neighbouring cells, the rest anywhere
 * draw     every client draws lines: its next cell is a neighbour of its last
 */
export type Spread = (typeof SPREADS)[number];

export interface Scenario {
  /** Instances of one deployment; clients are dealt to them in turn. */
  readonly urls: readonly string[];
  readonly board: string;
  readonly clients: number;
  /** Writes a second, over all clients. */
  readonly rate: number;
  readonly spread: Spread;
  /** The board's first pages, which are written to and watched by every client. */
  readonly pages: number;
  /** Over which the clients connect. */
  readonly rampMs: number;
  readonly durationMs: number;
  /** Threads that share the clients. */
  readonly workers: number;
  /** Raise the rate until `p99MsMax` is passed, instead of keeping it. */
  readonly findMax: boolean;
  readonly p99MsMax: number;
}

/** A value that an option does not take. The message names the option, the value and what was expected. */
export class BadScenario extends Error {}

interface ScenarioOption<Value> {
  readonly flag: string;
  readonly placeholder: string;
  readonly fallback: string;
  readonly help: string;
  /** The value, or undefined if `text` is none. */
  readonly parse: (text: string) => Value | undefined;
  readonly expected: string;
}

type Chosen = Omit<Scenario, "urls" | "findMax">;

export const SCENARIO_OPTIONS: { readonly [Name in keyof Chosen]: ScenarioOption<Chosen[Name]> } = {
  board: {
    flag: "--board",
    placeholder: "name",
    fallback: "main",
    help: "the board to load",
    parse: (text) => (/^[\w-]{1,64}$/.test(text) ? text : undefined),
    expected: "a board's name",
  },
  clients: {
    flag: "--clients",
    placeholder: "number",
    fallback: "50",
    help: "clients, dealt to the URLs in turn",
    ...whole(1, 100_000),
  },
  rate: {
    flag: "--rate",
    placeholder: "number",
    fallback: "50",
    help: "writes a second, over all clients; where --find-max begins",
    ...whole(0, 1_000_000),
  },
  spread: {
    flag: "--spread",
    placeholder: "kind",
    fallback: "uniform",
    help: "where the writes go: uniform, hot (most to a hundred cells), draw (lines)",
    parse: (text) => SPREADS.find((spread) => spread === text),
    expected: `one of ${SPREADS.join(", ")}`,
  },
  pages: {
    flag: "--pages",
    placeholder: "number",
    fallback: "1",
    help: "the board's first pages (of 65,536 cells), which every client watches and writes to",
    ...whole(1, 1_024),
  },
  rampMs: {
    flag: "--ramp",
    placeholder: "seconds",
    fallback: "2",
    help: "seconds over which the clients connect",
    ...seconds(0, 3_600),
  },
  durationMs: {
    flag: "--duration",
    placeholder: "seconds",
    fallback: "10",
    help: "seconds of load; with --find-max, of each trial",
    ...seconds(0.5, 86_400),
  },
  workers: {
    flag: "--workers",
    placeholder: "number",
    fallback: "1",
    help: "threads that share the clients; more when the report says that the generator was busy",
    ...whole(1, 64),
  },
  p99MsMax: {
    flag: "--p99",
    placeholder: "ms",
    fallback: "150",
    help: "the bound of --find-max: how long a click may take to show at 99 of 100 clients",
    ...whole(1, 60_000),
  },
};

/** `flags` has the names of `Scenario` as keys; what is left out has its fallback. */
export function readScenario(
  urls: readonly string[],
  flags: Readonly<Partial<Record<keyof Chosen, string>>>,
  findMax = false,
): Scenario {
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new BadScenario(`"${url}" is not the URL of an instance: expected http://host:port`);
    }
  }
  const read = <Name extends keyof Chosen>(name: Name): Chosen[Name] => {
    const option = SCENARIO_OPTIONS[name];
    const text = flags[name] ?? option.fallback;
    const value = option.parse(text.trim());
    if (value === undefined) throw new BadScenario(`${option.flag} is "${text}": expected ${option.expected}`);
    return value;
  };
  const clients = read("clients");
  return {
    urls: urls.map((url) => new URL(".", url.endsWith("/") ? url : `${url}/`).href.replace(/\/$/, "")),
    board: read("board"),
    clients,
    rate: read("rate"),
    spread: read("spread"),
    pages: read("pages"),
    rampMs: read("rampMs"),
    durationMs: read("durationMs"),
    // A thread without clients would have nothing to do.
    workers: Math.min(read("workers"), clients),
    findMax,
    p99MsMax: read("p99MsMax"),
  };
}

function whole(min: number, max: number) {
  return {
    parse: (text: string) => inRange(/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN, min, max),
    expected: `a whole number from ${min} to ${max}`,
  };
}

function seconds(min: number, max: number) {
  return {
    parse: (text: string) => {
      const value = inRange(/^\d{1,5}(\.\d{1,3})?s?$/.test(text) ? Number.parseFloat(text) : Number.NaN, min, max);
      return value === undefined ? undefined : value * 1_000;
    },
    expected: `seconds from ${min} to ${max}`,
  };
}

function inRange(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
