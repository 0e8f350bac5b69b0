/* The load on a deployment, and the table of its options: flags, help and checks. */

export const SPREADS = ["uniform", "hot", "draw"] as const;

/**
 * Where the writes go.
 * uniform  anywhere
 * hot      nine of ten to a hundred neighbouring cells, the rest anywhere
 * draw     lines: the next cell of a client is a neighbour of its last
 */
export type Spread = (typeof SPREADS)[number];

const VIAS = ["lane", "relay", "feed"] as const;

/**
 * How viewers get the board.
 * lane   from sockets of the instances
 * relay  from sockets of relays
 * feed   from HTTP requests, which shared caches may answer
 */
type Via = (typeof VIAS)[number];

export interface Scenario {
  /** Instances of one deployment; clients are assigned to them in turn. */
  readonly urls: readonly string[];
  /** The same for viewers. */
  readonly viewerUrls: readonly string[];
  /** Instances whose CPU, memory and requests are read. */
  readonly measured: readonly string[];
  readonly board: string;
  readonly clients: number;
  /** Clients that only watch. If there are any, changes are timed and counted only at these. */
  readonly viewers: number;
  readonly via: Via;
  /** Writes per second of all clients together. */
  readonly rate: number;
  readonly spread: Spread;
  /** The number of the board's first pages, which every client watches and writes to. */
  readonly pages: number;
  readonly rampMs: number;
  readonly durationMs: number;
  readonly workers: number;
  /** Raises the rate until `p99MsMax` is exceeded. */
  readonly findMax: boolean;
  readonly p99MsMax: number;
}

/** An invalid option. The message names the option, the value and what was expected. */
export class BadScenario extends Error {}

interface ScenarioOption<Value> {
  readonly flag: string;
  readonly placeholder: string;
  readonly fallback: string;
  readonly help: string;
  readonly parse: (text: string) => Value | undefined;
  readonly expected: string;
}

type Chosen = Omit<Scenario, "urls" | "viewerUrls" | "findMax">;

export const SCENARIO_OPTIONS: { readonly [Name in keyof Chosen]: ScenarioOption<Chosen[Name]> } = {
  board: {
    flag: "--board",
    placeholder: "name",
    fallback: "main",
    help: "Name of the board to put load on",
    parse: (text) => (/^[\w-]{1,64}$/.test(text) ? text : undefined),
    expected: "1 to 64 letters, digits, - or _",
  },
  clients: {
    flag: "--clients",
    fallback: "50",
    help: "Number of clients, assigned to the URLs in turn",
    ...whole(1, 100_000),
  },
  viewers: {
    flag: "--viewers",
    fallback: "0",
    help: "Number of additional clients that only watch; if there are any, changes are timed and counted only at these",
    ...whole(0, 100_000),
  },
  via: {
    flag: "--via",
    placeholder: "way",
    fallback: "lane",
    help: "How viewers get the board: lane (sockets to the URLs), relay (the same, but the URLs are relays) or feed (requests that caches answer)",
    parse: (text) => VIAS.find((via) => via === text),
    expected: `one of ${VIAS.join(", ")}`,
  },
  measured: {
    flag: "--measure",
    placeholder: "url,…",
    fallback: "",
    help: "Instances whose CPU, memory and requests are read from /metrics, if the URLs are those of a balancer or cache",
    parse: (text) => {
      const urls = text === "" ? [] : text.split(",").map((url) => url.trim());
      return urls.every(isHttp) ? urls.map(baseOf) : undefined;
    },
    expected: "URLs such as http://host:port, separated by commas",
  },
  rate: {
    flag: "--rate",
    fallback: "50",
    help: "Writes per second of all clients together; with --find-max, the first rate to try",
    ...whole(0, 1_000_000),
  },
  spread: {
    flag: "--spread",
    placeholder: "kind",
    fallback: "uniform",
    help: "Pattern of the writes: uniform, hot (90 % of the writes go to 100 neighbouring cells) or draw (lines)",
    parse: (text) => SPREADS.find((spread) => spread === text),
    expected: `one of ${SPREADS.join(", ")}`,
  },
  pages: {
    flag: "--pages",
    fallback: "1",
    help: "Number of pages (blocks of 65,536 cells) that every client watches and writes to",
    ...whole(1, 1_024),
  },
  rampMs: {
    flag: "--ramp",
    fallback: "2",
    help: "Time over which the clients connect, in seconds",
    ...seconds(0, 3_600),
  },
  durationMs: {
    flag: "--duration",
    fallback: "10",
    help: "Duration of the load in seconds; with --find-max, the duration of each trial",
    ...seconds(0.5, 86_400),
  },
  workers: {
    flag: "--workers",
    fallback: "1",
    help: "Number of threads that share the clients; raise it if the report shows a busy generator",
    ...whole(1, 64),
  },
  p99MsMax: {
    flag: "--p99",
    fallback: "150",
    help: "Highest acceptable p99 from click to change for --find-max, in milliseconds",
    ...whole(1, 60_000),
    placeholder: "ms",
  },
};

/** `flags` has the names of `Scenario` as keys; missing ones have their fallback. */
export function readScenario(
  urls: readonly string[],
  flags: Readonly<Partial<Record<keyof Chosen, string>>>,
  findMax = false,
): Scenario {
  for (const url of urls) {
    if (!isHttp(url))
      throw new BadScenario(`"${url}" is not the URL of an instance: expected http://host:port or https://host`);
  }
  const read = <Name extends keyof Chosen>(name: Name): Chosen[Name] => {
    const option = SCENARIO_OPTIONS[name];
    const text = flags[name] ?? option.fallback;
    const value = option.parse(text.trim());
    if (value === undefined) throw new BadScenario(`${option.flag} is "${text}": expected ${option.expected}`);
    return value;
  };
  const clients = read("clients");
  const viewers = read("viewers");
  const bases = urls.map(baseOf);
  const measured = read("measured");
  return {
    urls: bases,
    viewerUrls: bases,
    measured: measured.length > 0 ? measured : bases,
    board: read("board"),
    clients,
    viewers,
    via: read("via"),
    rate: read("rate"),
    spread: read("spread"),
    pages: read("pages"),
    rampMs: read("rampMs"),
    durationMs: read("durationMs"),
    // Every thread has at least one client.
    workers: Math.min(read("workers"), clients + viewers),
    findMax,
    p99MsMax: read("p99MsMax"),
  };
}

/** Of all clients, each once. */
export function urlsOf({ urls, viewerUrls }: Scenario): string[] {
  return [...new Set([...urls, ...viewerUrls])];
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/** Without a slash at the end. */
function baseOf(url: string): string {
  return new URL(".", url.endsWith("/") ? url : `${url}/`).href.replace(/\/$/, "");
}

function whole(min: number, max: number) {
  return {
    placeholder: "number",
    parse: (text: string) => inRange(/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN, min, max),
    expected: `a whole number from ${min} to ${max}`,
  };
}

function seconds(min: number, max: number) {
  return {
    placeholder: "seconds",
    parse: (text: string) => {
      const value = inRange(/^\d{1,5}(\.\d{1,3})?s?$/.test(text) ? Number.parseFloat(text) : Number.NaN, min, max);
      return value === undefined ? undefined : value * 1_000;
    },
    expected: `a number of seconds from ${min} to ${max}`,
  };
}

function inRange(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
