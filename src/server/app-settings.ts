/*
 * The options of an instance inside someone else's app. INSTANCE_FIELDS lists those with a field of
 * their own in attachBoards. `settings` takes the others by their environment names, and refuses
 * those that have a field or mean nothing inside an app. Dropping one silently could leave boards
 * open, or in the wrong store.
 */

import { BadOption, type Flags, OPTIONS } from "./config.js";

/** Field of attachBoards -> the environment variable of the same meaning. */
export const INSTANCE_FIELDS = {
  /** The Valkey that keeps the boards, as a URL. Without it they are kept in `dataDir`. */
  valkeyUrl: "VALKEY_URL",
  /** File with the certificate authority to trust for `valkeys://`. */
  valkeyCa: "VALKEY_CA",
  /** Folder of the boards if there is no Valkey, for one process. Default: `./data`. */
  dataDir: "DATA_DIR",
  /** How safe a write is before it is acknowledged. Default: `applied`. */
  durability: "DURABILITY",
  /** How long change history is kept for replay. Default: `off`. */
  history: "HISTORY",
  /** Rights of everyone. Default: `open`, or `token` with `authorise`. */
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

/** Each takes what its environment variable takes. */
export type InstanceFields = { readonly [Field in InstanceField]?: string | undefined };

const FIELDS = Object.keys(INSTANCE_FIELDS).filter((name): name is InstanceField => name in INSTANCE_FIELDS);

/** Options that `settings` does not take, and what to use instead. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ...FIELDS.map((field) => [INSTANCE_FIELDS[field], `the field \`${field}\``] as const),
  ["REDIS_URL", "the field `valkeyUrl`"],
  ["BOARDS", "the field `boards`"],
  ["LOG_LEVEL", "the field `log`"],
  ["PORT", "the port of your own HTTP server"],
  ["HOST", "the address of your own HTTP server"],
  ["BASE_PATH", "an Express app of your own that you mount there, and the option `path` of your Socket.IO server"],
  ["METRICS_PORT", "a middleware of yours before /metrics and /cluster, which are routes of your app"],
  ["METRICS_HOST", "a middleware of yours before /metrics and /cluster, which are routes of your app"],
  ["WORKERS", "several processes of your app with one `valkeyUrl`"],
  ["TRUSTED_PROXIES", "the setting `trust proxy` of your Express app"],
  ["MESSAGE_BYTES", "the option `maxHttpBufferSize` of your Socket.IO server"],
]);

const KNOWN: ReadonlySet<string> = new Set(Object.values(OPTIONS).map(({ env }) => env));

/** Options by environment name. Throws BadOption for `settings` that do not belong there. */
export function flagsOf(fields: InstanceFields, settings: Flags): Flags {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const instead = INSTEAD.get(name);
    if (instead !== undefined) throw new BadOption(`settings has ${name}: use ${instead}`);
    if (!KNOWN.has(name)) throw new BadOption(`unknown option ${name} in settings: check its spelling`);
  }
  return { ...settings, ...Object.fromEntries(FIELDS.map((field) => [INSTANCE_FIELDS[field], fields[field]])) };
}
