import { readFileSync } from "node:fs";
import { LANE_PATH } from "../protocol/lane.js";
import { type Store, StoreUnusable } from "../store/store.js";
import { UpstreamStore } from "../store/upstream/upstream-store.js";
import { ValkeyStore } from "../store/valkey/valkey-store.js";
import { agreeOnClaims } from "./claims/agreement.js";
import type { Config } from "./config.js";
import type { Log } from "./telemetry/log.js";

/**
 * Opens the store that the options name. Rejects with StoreUnusable. For inspection or a backup,
 * `mayEvict` accepts a Valkey that deletes pages when its memory is full. It also accepts claim
 * rules that differ from those in the store.
 */
export async function openStore(config: Config, log: Log, { mayEvict = false } = {}): Promise<Store> {
  const store = await open(config, log, mayEvict);
  if (mayEvict) return store;
  try {
    await agreeOnClaims(store, Object.keys(config.boards), config.claims);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function open(config: Config, log: Log, mayEvict: boolean): Promise<Store> {
  const { valkeyUrl: url, dataDir: directory, durabilities, durabilityWaitMs, claims } = config;
  const { sentinelUsername: username, sentinelPassword: password } = config;
  const histories = { ...config.history, deltasMax: config.historyDeltas };
  const incident = (message: string, cause?: unknown) => log.warn(cause === undefined ? {} : { err: cause }, message);
  if (config.upstreamUrls !== undefined) return openUpstream(config, config.upstreamUrls, incident);
  if (url === undefined) {
    // Its native library is loaded only if it is used.
    const { EmbeddedStore } = await import("../store/embedded/embedded-store.js");
    return EmbeddedStore.open({ directory, durabilities, histories, claims, incident });
  }
  const store = await ValkeyStore.open({
    url,
    ca: readPem("VALKEY_CA", config.valkeyCa),
    cert: readPem("VALKEY_CERT", config.valkeyCert),
    key: readPem("VALKEY_KEY", config.valkeyKey),
    nat: config.valkeyNatMap,
    keyPrefix: config.keyPrefix,
    boards: Object.keys(config.boards),
    sentinelAccess: password === undefined ? undefined : { username, password },
    durabilities,
    durabilityWaitMs,
    histories,
    claims,
    incident,
  });
  const { warning } = store;
  if (store.evictsPages && !mayEvict) {
    await store.close();
    throw new StoreUnusable(warning ?? "Valkey evicts pages");
  }
  if (warning !== undefined) log.warn(warning);
  return store;
}

function openUpstream(
  { lanePath, relaySecret = "" }: Config,
  upstreams: readonly string[],
  incident: (message: string) => void,
): Promise<Store> {
  // Each relay begins with another, so that they spread over all.
  const first = Math.floor(Math.random() * upstreams.length);
  const urls = [...upstreams.slice(first), ...upstreams.slice(0, first)].map(
    (url) => `${url.replace(/^http/, "ws")}${lanePath || LANE_PATH}`,
  );
  return UpstreamStore.open({ urls, secret: relaySecret, incident });
}

function readPem(option: string, file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, "utf8");
  } catch (error) {
    throw new StoreUnusable(`cannot read ${option} (${file}): check the path and the file's permissions`, error);
  }
}
