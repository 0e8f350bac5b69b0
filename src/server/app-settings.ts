/*
 * The options of an instance inside a host app. INSTANCE_FIELDS lists those with their own field in
 * attachBoards. `settings` takes the others by their environment names. It refuses those that have
 * a field or no effect inside an app, because ignoring one could leave boards open or in the wrong
 * store.
 */

import type { AccessRule } from "./access/access.js";
import { BadOption, type Flags, flagOf, OPTIONS } from "./config.js";

/** Field of attachBoards -> the environment variable with the same meaning. */
export const INSTANCE_FIELDS = {
  /** URL of the Valkey that stores the boards. Without it they are stored in `dataDir`. */
  valkeyUrl: "VALKEY_URL",
  /** PEM file of the certificate authorities to trust for `valkeys://`. */
  valkeyCa: "VALKEY_CA",
  /**
   * Folder that stores the boards if there is no Valkey; only one process can use it. Default:
   * `./data`.
   */
  dataDir: "DATA_DIR",
  /** How safe a write is before it is acknowledged. Default: `applied`. */
  durability: "DURABILITY",
  /** Time for which change history is kept for replay. Default: `off`. */
  history: "HISTORY",
  /**
   * Boards on which a checked checkbox belongs to the user who checked it first, such as
   * `seats=5m`.
   */
  claims: "CLAIMS",
  /** Rights that everyone has. Default: `open`, or `token` with `authorise`. */
  access: "ACCESS",
  /** Shared secret that tokens are signed with. */
  jwtSecret: "JWT_SECRET",
  /** URL of the public keys that verify tokens. */
  jwksUrl: "JWKS_URL",
  /** Required issuer of tokens. */
  jwtIssuer: "JWT_ISSUER",
  /** Required audience of tokens. */
  jwtAudience: "JWT_AUDIENCE",
} as const;

type InstanceField = keyof typeof INSTANCE_FIELDS;

/** One value for all boards, or `name=value`, or several of these with commas between them. */
type ByBoard<Value extends string> = Value | `${string}=${Value}` | `${string},${Value}`;

/** The fields whose mistakes a compiler can find. The others are any text. */
interface Texts {
  readonly durability: ByBoard<"applied" | "fsynced" | "replicated" | `replicated:${number}`>;
  readonly history: ByBoard<"off" | `${number}${"s" | "m" | "h" | "d"}`>;
  readonly access: ByBoard<AccessRule>;
}

/** Each field takes the same values as its environment variable. */
export type InstanceFields = {
  readonly [Field in keyof typeof INSTANCE_FIELDS]?: (Field extends keyof Texts ? Texts[Field] : string) | undefined;
};

const FIELDS = Object.keys(INSTANCE_FIELDS).filter((name): name is InstanceField => name in INSTANCE_FIELDS);

/** The fields with types of their own. */
const OTHER_FIELDS: ReadonlyMap<string, string> = new Map([
  ["BOARDS", "boards"],
  ["LANE_PATH", "lane"],
]);

/** Options that `settings` does not take, and what to use instead. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ...FIELDS.map((field) => [INSTANCE_FIELDS[field], `the field \`${field}\``] as const),
  ["REDIS_URL", "the field `valkeyUrl`"],
  ...Array.from(OTHER_FIELDS, ([env, field]) => [env, `the field \`${field}\``] as const),
  ["LOG_LEVEL", "the field `log`"],
  ["PORT", "the port of your own HTTP server"],
  ["HOST", "the address of your own HTTP server"],
  [
    "BASE_PATH",
    "an Express app of your own that you mount at that path, and the option `path` of your Socket.IO server",
  ],
  ["FRAME_ORIGINS", "the Content-Security-Policy of your own web pages"],
  ["METRICS_PORT", "your own middleware in front of /metrics and /cluster, which are routes of your app"],
  ["METRICS_HOST", "your own middleware in front of /metrics and /cluster, which are routes of your app"],
  ["WORKERS", "several processes of your app with one `valkeyUrl`"],
  ["VIEW", "the option `view` of `connect` in your own web pages"],
  ["TRUSTED_PROXIES", "the setting `trust proxy` of your Express app"],
  ["UPSTREAM_URL", "`socketscaler serve` for a relay"],
  ["MESSAGE_BYTES", "the option `maxHttpBufferSize` of your Socket.IO server"],
]);

/** Environment variable or flag -> what `attachBoards` has instead. */
const OWN_NAMES: ReadonlyMap<string, string> = new Map(
  Object.values(OPTIONS).flatMap((option) => {
    const field = FIELDS.find((name) => INSTANCE_FIELDS[name] === option.env);
    const name = field ?? OTHER_FIELDS.get(option.env) ?? `settings.${option.env}`;
    return [
      [option.env, name],
      [flagOf(option), name],
    ];
  }),
);

/** Names options as `attachBoards` does in a message about environment variables or flags. */
export function withOwnNames(message: string): string {
  return message.replace(/--[a-z-]+|\b[A-Z]+(?:_[A-Z]+)*\b/g, (name) => OWN_NAMES.get(name) ?? name);
}

const KNOWN: ReadonlySet<string> = new Set(Object.values(OPTIONS).map(({ env }) => env));

/**
 * Merges fields and settings by environment name. Throws BadOption for settings that do not belong
 * there.
 */
export function flagsOf(fields: InstanceFields, settings: Flags): Flags {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const instead = INSTEAD.get(name);
    if (instead !== undefined) throw new BadOption(`settings has ${name}: use ${instead}`);
    if (!KNOWN.has(name)) throw new BadOption(`unknown option ${name} in settings: check its spelling`);
  }
  return { ...settings, ...Object.fromEntries(FIELDS.map((field) => [INSTANCE_FIELDS[field], fields[field]])) };
}
