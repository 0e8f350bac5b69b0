/*
 * The option table. Environment variables, flags, help, checks and the manual are derived from it.
 */

import { BOARD_CELLS_MAX } from "../board/geometry.js";
import { LANE_PATH } from "../protocol/lane.js";
import { valuesOf } from "../store/by-board.js";
import { parseClaims } from "../store/claims.js";
import { DURABILITY_WAIT_MS, parseDurabilities } from "../store/durability.js";
import { parseRetention } from "../store/history.js";
import { parseNatMap, parseValkeyUrl, withoutPassword } from "../store/valkey/address/url.js";
import { KEY_PREFIX } from "../store/valkey/scripts/keys.js";
import { parseAccess } from "./access/access.js";
import { parseOrigin } from "./access/origin.js";
import { SECRET_BYTES_MIN } from "./access/tokens.js";
import { parseBasePath, parseLanePath } from "./input/base-path.js";
import { trustIn } from "./limits/client-address.js";
import { LOG_LEVELS } from "./telemetry/log.js";

/** A delay that nobody notices: the default of FLUSH_UNSEEN_MS. */
export const UNSEEN_MS = 60;

const ORIGINS_EXPECTED =
  "* or origins such as https://example.org:8443, separated by commas, without a path or wildcard";

/** The message names the option, its value and what was expected. */
export class BadOption extends Error {}

interface Option {
  /** The environment variable. The flag is the same name in kebab-case. */
  readonly env: string;
  readonly alsoEnv?: string;
  readonly placeholder: string;
  readonly fallback?: string;
  /** The value is an address that may contain a password, which is never shown. */
  readonly isAddress?: true;
  readonly help: string;
  /** Why the default was chosen. */
  readonly reason: string;
  /** Undefined if `text` is not a valid value. */
  readonly parse: (text: string) => unknown;
  readonly expected: string;
  readonly isSecret?: true;
}

const TABLE = {
  port: {
    env: "PORT",
    fallback: "8000",
    help: "Port to listen on, or 0 for any free port",
    reason: "Free on most machines, and usable without root",
    ...whole(0, 65_535),
  },
  host: {
    env: "HOST",
    fallback: "0.0.0.0",
    help: "Address to listen on",
    reason: "Other machines can connect; behind a balancer on the same machine, 127.0.0.1 is enough",
    ...text(255, "address"),
  },
  basePath: {
    env: "BASE_PATH",
    placeholder: "path",
    fallback: "",
    help: "URL path that the app is served under, such as /tools/board; a proxy in front may keep or strip it",
    reason: "Most instances have their own host name; requests without the path are served too",
    parse: parseBasePath,
    expected: "a path such as /tools/board, of letters, digits and - . _ ~, without a query",
  },
  lanePath: {
    env: "LANE_PATH",
    placeholder: "path",
    fallback: LANE_PATH,
    help: "URL path of the lane, the WebSocket that the client library uses, below BASE_PATH; off leaves only Socket.IO",
    reason: "A name that few apps use; a client that cannot reach it uses Socket.IO",
    parse: parseLanePath,
    expected: "a path such as /socketscaler, or off",
  },
  metricsPort: {
    env: "METRICS_PORT",
    help: "Separate port for /metrics and /cluster, which PORT then no longer serves; 0 picks any free port",
    reason: "One port is simplest; set this if strangers can reach PORT",
    ...whole(0, 65_535),
  },
  metricsHost: {
    env: "METRICS_HOST",
    fallback: "127.0.0.1",
    help: "Address that METRICS_PORT listens on",
    reason: "Keeps operational data on this machine unless you choose otherwise",
    ...text(255, "address"),
  },
  name: {
    env: "INSTANCE_NAME",
    fallback: "",
    help: "Name of this instance in the app and in logs (default: host name and port)",
    reason: "Tells instances apart, on one machine or several, without any setting",
    ...text(64),
  },
  workers: {
    env: "WORKERS",
    fallback: "1",
    help: "Number of processes that share the port, ideally one per core; more than one needs VALKEY_URL or UPSTREAM_URL",
    reason: "One instance fills one core; several share their boards through Valkey",
    ...whole(1, 256),
  },
  valkeyUrl: {
    env: "VALKEY_URL",
    alsoEnv: "REDIS_URL",
    placeholder: "url",
    help: "URL of the Valkey or Redis that holds the boards, for any number of instances; without it the boards are in DATA_DIR",
    reason: "A first run needs nothing installed",
    isAddress: true,
    parse: (value) => (parseValkeyUrl(value) ? value : undefined),
    expected: "valkey://host:port, valkey+cluster://host:port,host:port or valkey+sentinel://host:port,host:port/name",
  },
  valkeyCa: {
    env: "VALKEY_CA",
    help: "PEM file of the certificate authorities to trust instead of Node's own, for valkeys://",
    reason: "A public certificate needs only the authorities that Node trusts",
    ...text(4_096, "file"),
  },
  valkeyCert: {
    env: "VALKEY_CERT",
    help: "PEM file of the certificate that instances present to Valkey and Sentinels, for valkeys://",
    reason: "Most servers ask only for a password",
    ...text(4_096, "file"),
  },
  valkeyKey: {
    env: "VALKEY_KEY",
    help: "PEM file of the private key of VALKEY_CERT, without a passphrase",
    reason: "A certificate is useless without its key",
    ...text(4_096, "file"),
  },
  valkeyNatMap: {
    env: "VALKEY_NAT_MAP",
    placeholder: "address=address,…",
    fallback: "",
    help: "Map from announced to reachable addresses of a cluster or Sentinel deployment, such as 10.0.0.5:7000=localhost:7000",
    reason: "Announced addresses are usually reachable; set this for containers and NAT",
    parse: parseNatMap,
    expected: "host:port=host:port, separated by commas, each announced address once",
  },
  keyPrefix: {
    env: "KEY_PREFIX",
    placeholder: "text",
    fallback: "",
    help: "Text before every key and channel in Valkey, such as shop:, so that deployments can share a server",
    reason: "A deployment with its own server or database needs no prefix; a cluster has only one database",
    parse: (value) => (KEY_PREFIX.test(value) ? value : undefined),
    expected: "at most 64 letters, digits and _ . : -",
  },
  sentinelUsername: {
    env: "SENTINEL_USERNAME",
    help: "User name for Sentinels, for valkey+sentinel://; without it their default user is used",
    reason: "Most Sentinels have no users of their own",
    ...text(255),
  },
  sentinelPassword: {
    env: "SENTINEL_PASSWORD",
    help: "Password for Sentinels, for valkey+sentinel://; set it as a variable, because others can see flags",
    reason: "Most Sentinels trust everyone on a private network",
    ...text(1_024),
    isSecret: true,
  },
  upstreamUrls: {
    env: "UPSTREAM_URL",
    placeholder: "url,…",
    help: "URLs of the instances that this one relays, such as https://origin, separated by commas; a relay has no store of its own",
    reason: "One instance serves thousands of people; relays are for larger crowds",
    parse: parseUpstreams,
    expected:
      "http:// or https:// URLs of instances of one deployment, separated by commas, without a password or query",
  },
  relaySecret: {
    env: "RELAY_SECRET",
    placeholder: "text",
    help: "Secret shared by relays and the instances they connect to; set it as a variable, because others can see flags",
    reason: "A relay writes on behalf of other people, so strangers must not run one",
    parse: (value) => (Buffer.byteLength(value) >= SECRET_BYTES_MIN ? value : undefined),
    expected: `at least ${SECRET_BYTES_MIN} bytes`,
    isSecret: true,
  },
  dataDir: {
    env: "DATA_DIR",
    fallback: "./data",
    help: "Folder that stores the boards if VALKEY_URL is not set; only one process can use it",
    reason: "A folder in the working directory, so that a first run needs no extra rights",
    ...text(4_096, "folder"),
  },
  boards: {
    env: "BOARDS",
    placeholder: "name=size,…",
    fallback: "main=100",
    help: "Name and minimum size of each board, in checkboxes; a larger size in the store is kept",
    reason: "Fits on one screen",
    parse: parseBoards,
    expected: `name=size,name=size with names of letters, digits, - and _, and sizes from 1 to ${BOARD_CELLS_MAX}`,
  },
  durabilities: {
    env: "DURABILITY",
    placeholder: "level,…",
    fallback: "applied",
    help: "Level of safety that a write must reach before it is acknowledged: applied, fsynced or replicated:N, or name=level for one board",
    reason: "The fastest level; a failover may undo the last milliseconds of writes (see docs/guarantees.md)",
    parse: parseDurabilities,
    expected: "applied, fsynced or replicated:N with N from 1 to 9, for all boards or as name=level,name=level",
  },
  durabilityWaitMs: {
    env: "DURABILITY_WAIT_MS",
    fallback: String(DURABILITY_WAIT_MS),
    help: "Time that one attempt waits for a write to become as safe as DURABILITY requires, before the next attempt",
    reason: "Half of WRITE_WAIT_MS, which leaves time for a second attempt",
    ...whole(1, 60_000, "ms"),
  },
  history: {
    env: "HISTORY",
    placeholder: "time,…",
    fallback: "off",
    help: "Time for which change history is kept for replay: off, a time such as 30m, 1h or 1d, or name=1h for one board",
    reason: "Each batch of changes takes memory in Valkey",
    parse: parseRetention,
    expected: "off, or a number with s, m, h or d, at most 30d, for all boards or as name=time,name=time",
  },
  historyDeltas: {
    env: "HISTORY_DELTAS",
    fallback: "20000",
    help: "Maximum number of batches of changes in the history of one page (a block of 65,536 cells)",
    reason: "1 to 2 MB per page if batches are small",
    ...whole(1, 1_000_000),
  },
  claims: {
    env: "CLAIMS",
    placeholder: "name=time,…",
    fallback: "",
    help: "Boards on which a checked box belongs to its first user: name (until unchecked), name=5m (for 5 minutes) or name=lease:10s (while connected, plus 10 s)",
    reason: "On most boards everyone may change everything",
    parse: parseClaims,
    expected: "name, name=time or name=lease:time, separated by commas, with a time such as 10s, 5m, 2h or 1d",
  },
  writesPerSecond: {
    env: "WRITES_PER_SECOND",
    fallback: "50",
    help: "Sustained write rate of one session, in checkboxes per second",
    reason: "Faster than anyone can click, and enough for drawing",
    ...whole(1, 1_000_000),
  },
  writeBurst: {
    env: "WRITE_BURST",
    fallback: "200",
    help: "Burst size of one session, in checkboxes, after a pause",
    reason: "One brush stroke, or a small filled area",
    ...whole(1, 1_000_000),
  },
  trustedProxies: {
    env: "TRUSTED_PROXIES",
    placeholder: "address,…",
    fallback: "",
    help: "Proxies whose X-Forwarded-For or Forwarded header is believed: addresses, CIDR ranges, loopback, linklocal or uniquelocal",
    reason: "Anyone can write these headers, so only the proxies that you name are believed",
    parse: (value) => {
      const proxies = value === "" ? [] : value.split(",").map((proxy) => proxy.trim());
      return trustIn(proxies) && proxies;
    },
    expected: "addresses or ranges such as 10.0.0.1 or 10.0.0.0/8, separated by commas",
  },
  trustedCaches: {
    env: "TRUSTED_CACHES",
    placeholder: "address,…",
    fallback: "",
    help: "Shared caches and CDNs in front, whose reads do not count against HTTP_PER_MINUTE: addresses or ranges as in TRUSTED_PROXIES",
    reason: "One read through a cache may answer thousands of viewers, but only you know which addresses are caches",
    parse: (value) => {
      const caches = value === "" ? [] : value.split(",").map((cache) => cache.trim());
      return trustIn(caches) && caches;
    },
    expected: "addresses or ranges such as 10.0.0.1 or 10.0.0.0/8, separated by commas",
  },
  connectionsPerAddress: {
    env: "CONNECTIONS_PER_ADDRESS",
    fallback: "500",
    help: "Maximum number of connections that one address (for IPv6, one /64) may have open on this instance",
    reason: "A school or an office behind one address",
    ...whole(1, 1_000_000),
  },
  connectsPerSecond: {
    env: "CONNECTS_PER_SECOND",
    fallback: "50",
    help: "Sustained rate of new connections from one address, per second; the burst is CONNECTIONS_PER_ADDRESS",
    reason: "500 people can each reload every 10 s",
    ...whole(1, 1_000_000),
  },
  httpPerMinute: {
    env: "HTTP_PER_MINUTE",
    fallback: "3000",
    help: "Maximum requests to /boards and /state per minute from one address, over all instances on one Valkey; also sets each instance's limit for all routes",
    reason: "50 per second, as for new connections; the app needs only a few to load",
    ...whole(1, 100_000_000),
  },
  view: {
    env: "VIEW",
    placeholder: "way",
    fallback: "live",
    help: "How the app reads: live (over a socket), or feed (by requests that shared caches answer, until the user changes something)",
    reason:
      "A socket shows changes sooner; a feed lets a cache serve a crowd, which sees most changes within two seconds",
    parse: (value) => (["live", "feed"] as const).find((way) => way === value),
    expected: "live or feed",
  },
  watchedPages: {
    env: "WATCHED_PAGES",
    fallback: "1024",
    help: "Maximum number of pages (blocks of 65,536 cells) that one connection may watch",
    reason: "The app shows at most 300 pages and keeps some that were in view before",
    ...whole(1, 65_536),
  },
  messageBytes: {
    env: "MESSAGE_BYTES",
    fallback: "65536",
    help: "Largest message accepted from a connection",
    reason: "Several times the largest request, a write of 512 checkboxes",
    ...whole(1_024, 100_000_000, "bytes"),
  },
  clientBufferBytes: {
    env: "CLIENT_BUFFER_BYTES",
    fallback: "524288",
    help: "Send buffer of one client; frames are skipped once it is half full, and the client is disconnected if it overflows",
    reason: "Half of it is 32 whole pages, more than a screen; 1,000 stalled clients use at most 500 MiB",
    ...whole(65_536, 100_000_000, "bytes"),
  },
  flushMs: {
    env: "FLUSH_MS",
    fallback: "16",
    help: "Shortest flush interval, the time between two frames of a page; the interval grows with the load",
    reason: `One frame of a 60 Hz screen; after a quiet period, changes go out at once, or within ${UNSEEN_MS} ms if other pages are busy`,
    ...whole(1, 1_000, "ms"),
  },
  flushUnseenMs: {
    env: "FLUSH_UNSEEN_MS",
    fallback: String(UNSEEN_MS),
    help: "Limit up to which the flush interval grows just to save CPU; under heavy load it may grow further",
    reason: "People do not notice this delay, and most of an instance's CPU time goes into frames",
    ...whole(1, 1_000, "ms"),
  },
  writeWaitMs: {
    env: "WRITE_WAIT_MS",
    fallback: "3000",
    help: "Time that a write waits for an unavailable store before it is refused",
    reason: "Long enough to detect a hanging Valkey (2.2 s) and to retry once",
    ...whole(0, 60_000, "ms"),
  },
  drainMs: {
    env: "DRAIN_MS",
    fallback: "10000",
    help: "Time over which clients are moved to other instances before this one stops",
    reason: "Moves 1,000 clients at 100 per second; docs/measured.md has a measurement",
    ...whole(0, 3_600_000, "ms"),
  },
  origins: {
    env: "ORIGINS",
    placeholder: "origin,…",
    fallback: "*",
    help: "Web origins that may connect besides the instance's own, or * for all",
    reason: "On an open board other sites can do no more than any visitor; set this if tokens give rights",
    parse: parseOrigins,
    expected: ORIGINS_EXPECTED,
  },
  frameOrigins: {
    env: "FRAME_ORIGINS",
    placeholder: "origin,…",
    fallback: "",
    help: "Web origins whose web pages may show the app in an iframe, besides the instance's own, or * for all",
    reason:
      "A website that frames the app can trick its visitors into clicking; the panes of /demo on this machine are always allowed",
    parse: (value) => (value === "" ? [] : parseOrigins(value)),
    expected: ORIGINS_EXPECTED,
  },
  access: {
    env: "ACCESS",
    placeholder: "rule,…",
    fallback: "open",
    help: "Rights that everyone has: open, read-only (writing needs a token) or token (viewing too), or name=rule for one board",
    reason: "Lets anyone try a new board; restrict it before storing anything that matters",
    parse: parseAccess,
    expected: "open, read-only or token, for all boards or as name=rule,name=rule",
  },
  jwtSecret: {
    env: "JWT_SECRET",
    placeholder: "text",
    help: "Secret that tokens (JWT, HS256) are signed with; set it as a variable, because others can see flags",
    reason: "Boards are open until you restrict them",
    parse: (value) => (Buffer.byteLength(value) >= SECRET_BYTES_MIN ? value : undefined),
    expected: `at least ${SECRET_BYTES_MIN} bytes`,
    isSecret: true,
  },
  jwksUrl: {
    env: "JWKS_URL",
    placeholder: "url",
    help: "URL of the token issuer's public keys, instead of JWT_SECRET",
    reason: "A shared secret is simpler; published keys can change without a restart",
    parse: (value) => (isKeysUrl(value) ? value : undefined),
    expected: "an https:// URL, or an http:// URL on this machine",
  },
  jwtIssuer: {
    env: "JWT_ISSUER",
    help: "Issuer (iss) that a token must name",
    reason: "With your own secret there is only one issuer; set this if several issuers share the keys",
    ...text(255),
  },
  jwtAudience: {
    env: "JWT_AUDIENCE",
    help: "Audience (aud) that a token must name",
    reason: "Set this if the same keys sign tokens for other services",
    ...text(255),
  },
  logLevel: {
    env: "LOG_LEVEL",
    placeholder: "level",
    fallback: "info",
    help: `Lowest level of messages to log: ${LOG_LEVELS.join(", ")}`,
    reason: "One line per incident, none per request",
    parse: (value) => LOG_LEVELS.find((level) => level === value),
    expected: `one of ${LOG_LEVELS.join(", ")}`,
  },
} satisfies Readonly<Record<string, Option>>;

type ValueOf<Row extends Option> =
  | Exclude<ReturnType<Row["parse"]>, undefined>
  | (Row extends { readonly fallback: string } ? never : undefined);

/** The value of each option. Only options without a fallback can be undefined. */
export type Config = { readonly [Name in keyof typeof TABLE]: ValueOf<(typeof TABLE)[Name]> };

/** Every option of an instance, with its environment variable, default and help. */
export const OPTIONS: Readonly<Record<keyof Config, Option>> = TABLE;

/** The flag, such as `--writes-per-second` for WRITES_PER_SECOND. */
export function flagOf(option: { readonly env: string }): string {
  return `--${option.env.toLowerCase().replaceAll("_", "-")}`;
}

/** Environment name of an option -> its text. */
export type Flags = Readonly<Record<string, string | undefined>>;

/**
 * Flags take precedence over the environment, and both over defaults. `flags` has environment names
 * as keys. With `rightsElsewhere`, boards may require rights even without keys for tokens.
 */
export function readConfig(flags: Flags, env: Flags, rightsElsewhere = false): Config {
  const values = Object.entries(OPTIONS).map(([name, option]) => [name, readOption(option, flags, env)] as const);
  // Each value comes from its own option's `parse`, so the cast is safe.
  const config = Object.fromEntries(values) as Config;
  const isSet = (option: Option) => Boolean(givenText(option, flags, env));
  const mistake = relayMistakeIn(config, isSet) ?? mistakeIn(config, rightsElsewhere);
  if (mistake !== undefined) throw new BadOption(mistake);
  // A relay has the boards of its upstream.
  return config.upstreamUrls === undefined ? config : { ...config, boards: {} };
}

/** Options of the store, which a relay does not have. */
const OF_UPSTREAM = [
  "valkeyUrl",
  "keyPrefix",
  "dataDir",
  "boards",
  "durabilities",
  "durabilityWaitMs",
  "history",
  "historyDeltas",
  "claims",
] as const;

function relayMistakeIn(config: Config, isSet: (option: Option) => boolean): string | undefined {
  const { upstreamUrls, relaySecret, lanePath } = config;
  if (relaySecret !== undefined && lanePath === "")
    return "RELAY_SECRET is set, but relays are served at LANE_PATH, which is off: set LANE_PATH";
  if (upstreamUrls === undefined) return undefined;
  if (relaySecret === undefined)
    return "UPSTREAM_URL is set without RELAY_SECRET: set it to the upstream's RELAY_SECRET";
  const other = OF_UPSTREAM.map((name) => OPTIONS[name]).find(isSet);
  if (other) return `UPSTREAM_URL makes this instance a relay, which cannot have ${other.env}: set it on the upstream`;
  return undefined;
}

/** The text of a flag or variable. An empty variable counts as unset. */
function givenText({ env: name, alsoEnv }: Option, flags: Flags, env: Flags): string | undefined {
  return flags[name] ?? (env[name] || (alsoEnv && env[alsoEnv]) || undefined);
}

/** Returns undefined for an option that has neither a value nor a fallback. */
function readOption(option: Option, flags: Flags, env: Flags): unknown {
  const flag = flags[option.env];
  const value = givenText(option, flags, env) ?? option.fallback;
  if (value === undefined) return undefined;
  const parsed = option.parse(value.trim());
  if (parsed !== undefined) return parsed;
  const source = flag !== undefined ? flagOf(option) : env[option.env] ? option.env : (option.alsoEnv ?? option.env);
  const shown = option.isSecret ? "not usable" : `"${option.isAddress ? withoutPassword(value) : value}"`;
  throw new BadOption(`${source} is ${shown}: expected ${option.expected}`);
}

/** Describes options that contradict each other, and says what to do. */
function mistakeIn(config: Config, rightsElsewhere: boolean): string | undefined {
  const { workers, boards, durabilities, history, access, jwtSecret, jwksUrl } = config;
  for (const [{ env }, setting] of [
    [OPTIONS.durabilities, durabilities],
    [OPTIONS.history, history],
    [OPTIONS.access, access],
  ] as const) {
    if (config.upstreamUrls !== undefined) break;
    const unknown = [...setting.boards.keys()].find((name) => !Object.hasOwn(boards, name));
    if (unknown !== undefined)
      return `${env} names the board "${unknown}", which is not in BOARDS: correct one of them`;
  }
  if (workers > 1 && config.valkeyUrl === undefined && config.upstreamUrls === undefined)
    return `WORKERS is ${workers}, but workers share their boards through Valkey: set VALKEY_URL`;
  for (const [set, other] of [
    ["valkeyCert", "valkeyKey"],
    ["valkeyKey", "valkeyCert"],
    ["sentinelUsername", "sentinelPassword"],
  ] as const) {
    if (config[set] !== undefined && config[other] === undefined)
      return `${OPTIONS[set].env} is set without ${OPTIONS[other].env}: set both`;
  }
  if (jwtSecret !== undefined && jwksUrl !== undefined) return "JWT_SECRET and JWKS_URL are both set: keep one of them";
  if (jwtSecret === undefined && jwksUrl === undefined && !rightsElsewhere && valuesOf(access).includes("token"))
    return "ACCESS requires a token for a board, but there is no key to verify tokens: set JWT_SECRET or JWKS_URL";
  return undefined;
}

function whole(min: number, max: number, placeholder = "number") {
  return {
    placeholder,
    parse: (value: string) => {
      const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
    expected: `a whole number from ${min} to ${max}`,
  };
}

function text(charactersMax: number, placeholder = "text") {
  return {
    placeholder,
    parse: (value: string) => (value.length <= charactersMax ? value : undefined),
    expected: `at most ${charactersMax} characters`,
  };
}

const BOARD = /^([A-Za-z0-9_-]{1,64})=(\d{1,10})$/;

function parseBoards(value: string): Readonly<Record<string, number>> | undefined {
  const boards = new Map<string, number>();
  for (const item of value.split(",")) {
    const [, name, digits] = BOARD.exec(item.trim()) ?? [];
    const size = Number(digits);
    if (name === undefined || !(size >= 1 && size <= BOARD_CELLS_MAX) || boards.has(name)) return undefined;
    boards.set(name, size);
  }
  return Object.fromEntries(boards);
}

function parseOrigins(value: string): readonly string[] | undefined {
  const origins = value.split(",").map((item) => (item.trim() === "*" ? "*" : parseOrigin(item.trim())));
  return origins.includes(undefined) ? undefined : origins.filter((origin) => origin !== undefined);
}

/** As URLs without a slash at the end. */
function parseUpstreams(value: string): readonly string[] | undefined {
  const urls = value.split(",").map((item) => (URL.canParse(item.trim()) ? new URL(item.trim()) : undefined));
  const isUsable = (url: URL | undefined): url is URL =>
    url !== undefined &&
    ["http:", "https:"].includes(url.protocol) &&
    [url.username, url.password, url.search, url.hash].every((part) => part === "");
  if (!urls.every(isUsable)) return undefined;
  return urls.map(({ href }) => href.replace(/\/$/, ""));
}

function isKeysUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
}
