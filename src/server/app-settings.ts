/*
 * What the field `settings` of attachBoards takes: the options of an instance that have no field of their own and mean
 * something inside someone else's app. Anything else is refused, for what is dropped without a word, such as an address
 * of the store or who may do what, leaves boards open, or elsewhere than one thinks.
 */

import { BadOption, type Flags, OPTIONS } from "./config.js";

/** Options that `settings` does not take, and what is there in their stead. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["BOARDS", "the field `boards`"],
  ["VALKEY_URL", "the field `valkeyUrl`"],
  ["REDIS_URL", "the field `valkeyUrl`"],
  ["VALKEY_CA", "the field `valkeyCa`"],
  ["DATA_DIR", "the field `dataDir`"],
  ["DURABILITY", "the field `durability`"],
  ["HISTORY", "the field `history`"],
  ["ACCESS", "the field `access`"],
  ["JWT_SECRET", "the field `jwtSecret`"],
  ["JWKS_URL", "the field `jwksUrl`"],
  ["JWT_ISSUER", "the field `jwtIssuer`"],
  ["JWT_AUDIENCE", "the field `jwtAudience`"],
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

/** The settings as they are; throws BadOption where one is unknown, or has its place elsewhere. */
export function checkSettings(settings: Flags): Flags {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const instead = INSTEAD.get(name);
    if (instead !== undefined) throw new BadOption(`settings has ${name}: use ${instead}`);
    if (!KNOWN.has(name)) throw new BadOption(`settings has ${name}, and there is no such option`);
  }
  return settings;
}
