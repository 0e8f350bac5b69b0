/*
 * The options of an instance: one table, from which come the environment variables, the flags, the help, the checks and
 * docs/operations.md (docs.test.ts compares). Nothing else in the project reads process.env.
 */

import { BOARD_CELLS_MAX } from "../board/geometry.js";
import { type ByBoard, valuesOf } from "../store/by-board.js";
import { DURABILITY_WAIT_MS, type Durabilities, parseDurabilities } from "../store/durability.js";
import { parseRetention, type Retention } from "../store/history.js";
import { KEY_PREFIX } from "../store/valkey/keys.js";
import { type NatMap, parseNatMap, parseValkeyUrl, withoutPassword } from "../store/valkey/url.js";
import { type AccessRules, parseAccess } from "./access/access.js";
import { parseOrigin } from "./access/origin.js";
import { SECRET_BYTES_MIN } from "./access/tokens.js";
import { parseBasePath } from "./input/base-path.js";
import { trustIn } from "./limits/client-address.js";
import { LOG_LEVELS, type LogLevel } from "./telemetry/log.js";

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly basePath: string;
  readonly metricsPort: number | undefined;
  readonly metricsHost: string;
  /** Empty: the instance is called by its host and port. */
  readonly name: string;
  readonly workers: number;
  readonly valkeyUrl: string | undefined;
  readonly valkeyCa: string | undefined;
  readonly valkeyCert: string | undefined;
  readonly valkeyKey: string | undefined;
  readonly valkeyNatMap: NatMap;
  readonly keyPrefix: string;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly dataDir: string;
  readonly boards: Readonly<Record<string, number>>;
  readonly durabilities: Durabilities;
  readonly durabilityWaitMs: number;
  readonly history: Retention;
  readonly historyDeltas: number;
  readonly writesPerSecond: number;
  readonly writeBurst: number;
  readonly trustedProxies: readonly string[];
  readonly connectionsPerAddress: number;
  readonly connectsPerSecond: number;
  readonly httpPerMinute: number;
  readonly watchedPages: number;
  readonly messageBytes: number;
  readonly clientBufferBytes: number;
  readonly flushMs: number;
  readonly flushUnseenMs: number;
  readonly writeWaitMs: number;
  readonly drainMs: number;
  readonly origins: readonly string[];
  readonly access: AccessRules;
  readonly jwtSecret: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string | undefined;
  readonly logLevel: LogLevel;
}

/** A value that an option does not take. The message names the option, the value and what was expected. */
export class BadOption extends Error {}

interface Option<Value> {
  /** The environment variable; its flag is the same in kebab-case. */
  readonly env: string;
  readonly alsoEnv?: string;
  /** What stands for the value in help. */
  readonly placeholder: string;
  readonly fallback: string | undefined;
  /** May carry a password, which is not shown. */
  readonly isAddress?: true;
  readonly help: string;
  /** Why the default is what it is. */
  readonly reason: string;
  /** The value, or undefined if `text` is none. */
  readonly parse: (text: string) => Value | undefined;
  readonly expected: string;
  /** Its value is never shown. */
  readonly isSecret?: true;
}

type Options = { readonly [Name in keyof Config]: Option<Config[Name]> };

export const OPTIONS: Options = {
  port: {
    env: "PORT",
    placeholder: "number",
    fallback: "8000",
    help: "port to listen on; 0 takes a free one",
    reason: "free on most machines, and open to users who are not root",
    ...whole(0, 65_535),
  },
  host: {
    env: "HOST",
    placeholder: "address",
    fallback: "0.0.0.0",
    help: "address to listen on",
    reason: "an instance is there to be reached; behind a balancer on the same machine, 127.0.0.1 is enough",
    ...text(255),
  },
  basePath: {
    env: "BASE_PATH",
    placeholder: "path",
    fallback: "",
    help: "path of the site below which the board is, such as /tools/board; a proxy in front may keep it or remove it",
    reason: "most instances have their own host name; requests without the path are served as well",
    parse: parseBasePath,
    expected: "a path such as /tools/board, of letters, digits and - . _ ~, without a query",
  },
  metricsPort: {
    env: "METRICS_PORT",
    placeholder: "number",
    fallback: undefined,
    help: "port for /metrics and /cluster alone, which are then not on PORT; 0 takes a free one",
    reason: "one port is simplest to begin with; set it where strangers reach PORT",
    ...whole(0, 65_535),
  },
  metricsHost: {
    env: "METRICS_HOST",
    placeholder: "address",
    fallback: "127.0.0.1",
    help: "address that METRICS_PORT is opened on",
    reason: "what it tells is the operator's, so other machines get it only on purpose",
    ...text(255),
  },
  name: {
    env: "INSTANCE_NAME",
    placeholder: "text",
    fallback: "",
    help: "what this instance is called on the page and in logs (default: host name and port)",
    reason: "tells instances of one machine, and machines, apart without being set",
    ...text(64),
  },
  workers: {
    env: "WORKERS",
    placeholder: "number",
    fallback: "1",
    help: "processes that share the port, each an instance of its own: as many as cores; needs VALKEY_URL",
    reason: "an instance fills one core; more processes share their boards through Valkey only",
    ...whole(1, 256),
  },
  valkeyUrl: {
    env: "VALKEY_URL",
    alsoEnv: "REDIS_URL",
    placeholder: "url",
    fallback: undefined,
    help: "Valkey or Redis that holds the boards, for any number of instances; without it they live in DATA_DIR",
    reason: "the first run needs nothing installed",
    isAddress: true,
    parse: (value) => (parseValkeyUrl(value) ? value : undefined),
    expected: "valkey://host:port, valkey+cluster://host:port,host:port or valkey+sentinel://host:port,host:port/name",
  },
  valkeyCa: {
    env: "VALKEY_CA",
    placeholder: "file",
    fallback: undefined,
    help: "with valkeys://: PEM file of the authorities whose certificates are trusted, instead of the system's",
    reason: "the authorities that Node trusts are enough for a public certificate",
    ...text(4_096),
  },
  valkeyCert: {
    env: "VALKEY_CERT",
    placeholder: "file",
    fallback: undefined,
    help: "PEM file of the certificate that instances show to Valkey and Sentinels, with valkeys://",
    reason: "most servers ask only for a password",
    ...text(4_096),
  },
  valkeyKey: {
    env: "VALKEY_KEY",
    placeholder: "file",
    fallback: undefined,
    help: "PEM file of the key of VALKEY_CERT, without a passphrase",
    reason: "a certificate is useless without its key",
    ...text(4_096),
  },
  valkeyNatMap: {
    env: "VALKEY_NAT_MAP",
    placeholder: "address=address,…",
    fallback: "",
    help: "addresses that a cluster or Sentinel announces, each with the one to use instead: 10.0.0.5:7000=localhost:7000",
    reason: "the announced addresses can usually be reached; set it for containers and NAT",
    parse: parseNatMap,
    expected: "host:port=host:port, separated by commas, each announced address once",
  },
  keyPrefix: {
    env: "KEY_PREFIX",
    placeholder: "text",
    fallback: "",
    help: "text before every key and channel in Valkey, such as shop:, to share a server with other deployments",
    reason:
      "a deployment with its own Valkey or its own database needs none; set it on a cluster, which has one database",
    parse: (value) => (KEY_PREFIX.test(value) ? value : undefined),
    expected: "at most 64 letters, digits, _, ., : and -",
  },
  sentinelUsername: {
    env: "SENTINEL_USERNAME",
    placeholder: "text",
    fallback: undefined,
    help: "with valkey+sentinel://: the user that Sentinels know, where it is not their default one",
    reason: "most Sentinels have no users of their own",
    ...text(255),
  },
  sentinelPassword: {
    env: "SENTINEL_PASSWORD",
    placeholder: "text",
    fallback: undefined,
    help: "with valkey+sentinel://: the password that Sentinels ask for; give it as a variable, others see flags",
    reason: "most Sentinels take everybody on a private network",
    ...text(1_024),
    isSecret: true,
  },
  dataDir: {
    env: "DATA_DIR",
    placeholder: "folder",
    fallback: "./data",
    help: "where the boards live without VALKEY_URL; for one process at a time",
    reason: "beside where it is started, so that the first run needs no rights anywhere else",
    ...text(4_096),
  },
  boards: {
    env: "BOARDS",
    placeholder: "name=size,…",
    fallback: "main=100",
    help: "the boards and how many checkboxes each has",
    reason: "fits on one screen",
    parse: parseBoards,
    expected: `name=size,name=size with names of letters, digits, - and _, and sizes from 1 to ${BOARD_CELLS_MAX}`,
  },
  durabilities: {
    env: "DURABILITY",
    placeholder: "level,…",
    fallback: "applied",
    help: "how safe a write is before it is acknowledged: applied, fsynced, replicated:N; for one board: name=level",
    reason: "the fastest; a failover may take back some milliseconds of writes, see docs/guarantees.md",
    parse: parseDurabilities,
    expected: "applied, fsynced or replicated:N with N from 1 to 9, for all boards or as name=level,name=level",
  },
  durabilityWaitMs: {
    env: "DURABILITY_WAIT_MS",
    placeholder: "ms",
    fallback: String(DURABILITY_WAIT_MS),
    help: "how long one attempt at a write waits to be as safe as its board asks, before it is made again",
    reason: "half of WRITE_WAIT_MS, so that there is time for another attempt",
    ...whole(1, 60_000),
  },
  history: {
    env: "HISTORY",
    placeholder: "time,…",
    fallback: "off",
    help: "how long it is recorded what was changed when, for replays: off, or a time such as 30m, 1h, 1d; for one board: name=1h",
    reason: "it takes memory of Valkey for each batch",
    parse: parseRetention,
    expected: "off, or a number with s, m, h or d, at most 30d, for all boards or as name=time,name=time",
  },
  historyDeltas: {
    env: "HISTORY_DELTAS",
    placeholder: "number",
    fallback: "20000",
    help: "how many batches of changes of one page are recorded at most",
    reason: "1 to 2 MB a page where batches are small",
    ...whole(1, 1_000_000),
  },
  writesPerSecond: {
    env: "WRITES_PER_SECOND",
    placeholder: "number",
    fallback: "50",
    help: "checkboxes that one session may change a second, lastingly",
    reason: "more than a hand clicks, and enough to draw with",
    ...whole(1, 1_000_000),
  },
  writeBurst: {
    env: "WRITE_BURST",
    placeholder: "number",
    fallback: "200",
    help: "checkboxes that one session may change at once after a rest",
    reason: "a stroke of the brush, or a small area filled",
    ...whole(1, 1_000_000),
  },
  trustedProxies: {
    env: "TRUSTED_PROXIES",
    placeholder: "address,…",
    fallback: "",
    help: "proxies whose X-Forwarded-For or Forwarded header is believed: addresses, CIDR ranges, loopback, linklocal, uniquelocal",
    reason: "anybody can write these headers; they count only from the proxies that you name",
    parse: (value) => {
      const proxies = value === "" ? [] : value.split(",").map((proxy) => proxy.trim());
      return trustIn(proxies) && proxies;
    },
    expected: "addresses or ranges such as 10.0.0.1 or 10.0.0.0/8, separated by commas",
  },
  connectionsPerAddress: {
    env: "CONNECTIONS_PER_ADDRESS",
    placeholder: "number",
    fallback: "500",
    help: "sockets that one address (of IPv6: one /64) may have open on this instance",
    reason: "a school or an office behind one address",
    ...whole(1, 1_000_000),
  },
  connectsPerSecond: {
    env: "CONNECTS_PER_SECOND",
    placeholder: "number",
    fallback: "50",
    help: "sockets that one address may open a second, lastingly; after a rest CONNECTIONS_PER_ADDRESS at once",
    reason: "each of 500 people may reload every 10 s",
    ...whole(1, 1_000_000),
  },
  httpPerMinute: {
    env: "HTTP_PER_MINUTE",
    placeholder: "number",
    fallback: "3000",
    help: "HTTP requests a minute from one address, counted over all instances on one Valkey",
    reason: "50 a second, as for sockets: a page takes a few when it loads",
    ...whole(1, 100_000_000),
  },
  watchedPages: {
    env: "WATCHED_PAGES",
    placeholder: "number",
    fallback: "1024",
    help: "pages of 65,536 checkboxes that one socket may watch",
    reason: "the page shows at most 300, and keeps some that it left",
    ...whole(1, 65_536),
  },
  messageBytes: {
    env: "MESSAGE_BYTES",
    placeholder: "bytes",
    fallback: "65536",
    help: "largest message taken from a socket",
    reason: "several times the largest request, a write of 512 checkboxes",
    ...whole(1_024, 100_000_000),
  },
  clientBufferBytes: {
    env: "CLIENT_BUFFER_BYTES",
    placeholder: "bytes",
    fallback: "524288",
    help: "bytes that may wait to be sent to one client; from half of it changes are skipped, beyond it the client is disconnected",
    reason: "half of it is 32 whole pages, more than a screen; 1,000 clients that do not read hold 512 MB at most",
    ...whole(65_536, 100_000_000),
  },
  flushMs: {
    env: "FLUSH_MS",
    placeholder: "ms",
    fallback: "16",
    help: "shortest time between two frames of a page under load; it grows with the load",
    reason:
      "a frame of a screen at 60 Hz; the first change after a quiet time does not wait, or 60 ms at most where other pages are busy",
    ...whole(1, 1_000),
  },
  flushUnseenMs: {
    env: "FLUSH_UNSEEN_MS",
    placeholder: "ms",
    fallback: "60",
    help: "how far that time may grow already where it saves work, as nobody notices it",
    reason: "what people do not notice; frames are what an instance's CPU goes into",
    ...whole(1, 1_000),
  },
  writeWaitMs: {
    env: "WRITE_WAIT_MS",
    placeholder: "ms",
    fallback: "3000",
    help: "how long a write waits for a store that is away before it is refused",
    reason: "longer than it takes to notice a Valkey that hangs, 2.2 s, and to try once more",
    ...whole(0, 60_000),
  },
  drainMs: {
    env: "DRAIN_MS",
    placeholder: "ms",
    fallback: "10000",
    help: "time over which clients are told to move to other instances when this one is to end",
    reason: "of 1,000 clients 100 move a second; measured under Drain",
    ...whole(0, 3_600_000),
  },
  origins: {
    env: "ORIGINS",
    placeholder: "origin,…",
    fallback: "*",
    help: "web origins whose pages may connect, besides pages of the instance itself, or *",
    reason: "on an open board a page elsewhere can do no more than any visitor; set it where tokens give rights",
    parse: (value) => {
      const origins = value.split(",").map((item) => (item.trim() === "*" ? "*" : parseOrigin(item.trim())));
      return origins.includes(undefined) ? undefined : origins.filter((origin) => origin !== undefined);
    },
    expected:
      "* or origins such as https://example.org:8443, separated by commas: http or https, a host and a port, no path and no wildcard",
  },
  access: {
    env: "ACCESS",
    placeholder: "rule,…",
    fallback: "open",
    help: "who may do what: open, read-only (writing needs a token) or token (viewing too); for one board: name=rule",
    reason: "a board to try and to share; decide before it is yours alone",
    parse: parseAccess,
    expected: "open, read-only or token, for all boards or as name=rule,name=rule",
  },
  jwtSecret: {
    env: "JWT_SECRET",
    placeholder: "text",
    fallback: undefined,
    help: "secret that tokens (JWT, HS256) are signed with; give it as a variable, others see flags",
    reason: "boards are open until you say who may do what",
    parse: (value) => (Buffer.byteLength(value) >= SECRET_BYTES_MIN ? value : undefined),
    expected: `at least ${SECRET_BYTES_MIN} bytes`,
    isSecret: true,
  },
  jwksUrl: {
    env: "JWKS_URL",
    placeholder: "url",
    fallback: undefined,
    help: "where the public keys of whoever signs tokens are published, instead of JWT_SECRET",
    reason:
      "a shared secret is the simpler of the two; where others sign, their keys are fetched and change without a restart",
    parse: (value) => (isUrl(value, ["https:"]) || isLoopbackUrl(value) ? value : undefined),
    expected: "an https:// URL (http:// on this machine only)",
  },
  jwtIssuer: {
    env: "JWT_ISSUER",
    placeholder: "text",
    fallback: undefined,
    help: "what a token must name as its issuer (iss)",
    reason: "a secret of your own has one issuer; set it where keys sign for several",
    ...text(255),
  },
  jwtAudience: {
    env: "JWT_AUDIENCE",
    placeholder: "text",
    fallback: undefined,
    help: "what a token must name as its audience (aud)",
    reason: "set it where the same keys sign tokens for other services too",
    ...text(255),
  },
  logLevel: {
    env: "LOG_LEVEL",
    placeholder: "level",
    fallback: "info",
    help: `how much to log: ${LOG_LEVELS.join(", ")}`,
    reason: "one line per incident, none per request",
    parse: (value) => LOG_LEVELS.find((level) => level === value),
    expected: `one of ${LOG_LEVELS.join(", ")}`,
  },
};

/** `--writes-per-second` for WRITES_PER_SECOND. */
export function flagOf(option: { readonly env: string }): string {
  return `--${option.env.toLowerCase().replaceAll("_", "-")}`;
}

export type Flags = Readonly<Record<string, string | undefined>>;

/**
 * Flags win over the environment, the environment over defaults. `flags` has environment names as keys. `rightsElsewhere`:
 * boards may need more than everybody has and there may be no keys of tokens, as something else gives rights.
 */
export function readConfig(flags: Flags, env: Flags, rightsElsewhere = false): Config {
  const read: Read = (option) => readOption(option, flags, env);
  const port = read(OPTIONS.port);
  const boards = read(OPTIONS.boards);
  const durabilities = readByBoard(OPTIONS.durabilities, read, boards);
  const history = readByBoard(OPTIONS.history, read, boards);
  const workers = read(OPTIONS.workers);
  const valkeyUrl = read(OPTIONS.valkeyUrl);
  if (workers > 1 && valkeyUrl === undefined) {
    throw new BadOption(`WORKERS is ${workers}: workers share their boards through Valkey, so set VALKEY_URL`);
  }
  const access = readAccess(read, boards, rightsElsewhere);
  return {
    port,
    host: read(OPTIONS.host),
    basePath: read(OPTIONS.basePath),
    metricsPort: read(OPTIONS.metricsPort),
    metricsHost: read(OPTIONS.metricsHost),
    name: read(OPTIONS.name),
    workers,
    valkeyUrl,
    valkeyCa: read(OPTIONS.valkeyCa),
    ...readCertificate(read),
    valkeyNatMap: read(OPTIONS.valkeyNatMap),
    keyPrefix: read(OPTIONS.keyPrefix),
    ...readSentinel(read),
    dataDir: read(OPTIONS.dataDir),
    boards,
    durabilities,
    durabilityWaitMs: read(OPTIONS.durabilityWaitMs),
    history,
    historyDeltas: read(OPTIONS.historyDeltas),
    writesPerSecond: read(OPTIONS.writesPerSecond),
    writeBurst: read(OPTIONS.writeBurst),
    trustedProxies: read(OPTIONS.trustedProxies),
    connectionsPerAddress: read(OPTIONS.connectionsPerAddress),
    connectsPerSecond: read(OPTIONS.connectsPerSecond),
    httpPerMinute: read(OPTIONS.httpPerMinute),
    watchedPages: read(OPTIONS.watchedPages),
    messageBytes: read(OPTIONS.messageBytes),
    clientBufferBytes: read(OPTIONS.clientBufferBytes),
    flushMs: read(OPTIONS.flushMs),
    flushUnseenMs: read(OPTIONS.flushUnseenMs),
    writeWaitMs: read(OPTIONS.writeWaitMs),
    drainMs: read(OPTIONS.drainMs),
    origins: read(OPTIONS.origins),
    ...access,
    logLevel: read(OPTIONS.logLevel),
  };
}

type Read = <Value>(option: Option<Value>) => Value;

/** A setting of boards; one of a board that there is not is a mistake. */
function readByBoard<Value>(option: Option<ByBoard<Value>>, read: Read, boards: Config["boards"]): ByBoard<Value> {
  const setting = read(option);
  for (const name of setting.boards.keys()) {
    if (!Object.hasOwn(boards, name)) {
      throw new BadOption(`${option.env} names the board "${name}", which BOARDS does not`);
    }
  }
  return setting;
}

function readCertificate(read: Read) {
  const valkeyCert = read(OPTIONS.valkeyCert);
  const valkeyKey = read(OPTIONS.valkeyKey);
  if (valkeyCert !== undefined && valkeyKey === undefined)
    throw new BadOption("VALKEY_CERT is set: set VALKEY_KEY too");
  if (valkeyKey !== undefined && valkeyCert === undefined)
    throw new BadOption("VALKEY_KEY is set: set VALKEY_CERT too");
  return { valkeyCert, valkeyKey };
}

function readSentinel(read: Read) {
  const sentinelUsername = read(OPTIONS.sentinelUsername);
  const sentinelPassword = read(OPTIONS.sentinelPassword);
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    throw new BadOption("SENTINEL_USERNAME is set: set SENTINEL_PASSWORD too");
  }
  return { sentinelUsername, sentinelPassword };
}

function readAccess(read: Read, boards: Config["boards"], rightsElsewhere: boolean) {
  const access = readByBoard(OPTIONS.access, read, boards);
  const jwtSecret = read(OPTIONS.jwtSecret);
  const jwksUrl = read(OPTIONS.jwksUrl);
  if (jwtSecret !== undefined && jwksUrl !== undefined) throw new BadOption("set JWT_SECRET or JWKS_URL, not both");
  const needsKeys = valuesOf(access).includes("token") && !rightsElsewhere;
  if (needsKeys && jwtSecret === undefined && jwksUrl === undefined) {
    throw new BadOption("ACCESS has a board that needs a token: set JWT_SECRET or JWKS_URL too");
  }
  return { access, jwtSecret, jwksUrl, jwtIssuer: read(OPTIONS.jwtIssuer), jwtAudience: read(OPTIONS.jwtAudience) };
}

function readOption<Value>(option: Option<Value>, flags: Flags, env: Flags): Value {
  const flag = flags[option.env];
  const also = option.alsoEnv && env[option.alsoEnv];
  // An empty variable is an unset one, as in most shells' use.
  const given = flag ?? (env[option.env] || also || undefined);
  const source = flag !== undefined ? flagOf(option) : env[option.env] ? option.env : (option.alsoEnv ?? option.env);
  const value = given ?? option.fallback;
  const parsed = value === undefined ? undefined : option.parse(value.trim());
  if (parsed !== undefined) return parsed;
  // Only an option without a fallback may go without a value.
  if (value === undefined) return undefined as Value;
  const shown = option.isSecret ? "not usable" : `"${option.isAddress ? withoutPassword(value) : value}"`;
  throw new BadOption(`${source} is ${shown}: expected ${option.expected}`);
}

function whole(min: number, max: number) {
  return {
    parse: (value: string) => {
      const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
    expected: `a whole number from ${min} to ${max}`,
  };
}

function text(charactersMax: number) {
  return {
    parse: (value: string) => (value.length <= charactersMax ? value : undefined),
    expected: `at most ${charactersMax} characters`,
  };
}

const BOARD = /^([A-Za-z0-9_-]{1,64})=(\d{1,10})$/;

function parseBoards(value: string): Record<string, number> | undefined {
  const boards = new Map<string, number>();
  for (const item of value.split(",")) {
    const [, name, digits] = BOARD.exec(item.trim()) ?? [];
    const size = Number(digits);
    if (name === undefined || !(size >= 1 && size <= BOARD_CELLS_MAX) || boards.has(name)) return undefined;
    boards.set(name, size);
  }
  return Object.fromEntries(boards);
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}

function isLoopbackUrl(value: string): boolean {
  return isUrl(value, ["http:"]) && ["localhost", "127.0.0.1", "[::1]"].includes(new URL(value).hostname);
}
