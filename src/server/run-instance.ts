/*
 * What an instance is made of by its options, whatever serves it: `startServer`, or an app of someone else's.
 */

import type { Store } from "../store/store.js";
import { ValkeyStore } from "../store/valkey-store.js";
import { Access } from "./access.js";
import { type AuthoriseHook, authoriser } from "./authorise.js";
import { realClock } from "./clock.js";
import { ClusterReport } from "./cluster-report.js";
import type { Config } from "./config.js";
import { Guard } from "./guard.js";
import { Instance } from "./instance.js";
import type { Log } from "./log.js";
import { tokenVerifier } from "./tokens.js";

const FAN_OUT = { flushMsMax: 1_000, share: 0.2, framesUnseen: 500 };
const QUEUED_CHANGES_MAX = 200_000;
const REQUESTS = { perSecond: 200, burst: 400 };
/**
 * Pages asked for in `watch`: each may cost the store a question and 8 KiB of snapshot. The burst lets a client join all it
 * may watch, the rate is more than anyone scrolls.
 */
const WATCHES = { perSecond: 100, burst: 2_048 };

export interface Others {
  /** Milliseconds since 1970, by which tokens end. */
  readonly wallClock?: (() => number) | undefined;
  readonly authorise?: AuthoriseHook | undefined;
}

/** An instance with what is measured and told of it as long as it runs, whatever serves it. */
export function runInstance(config: Config, store: Store, log: Log, others: Others = {}) {
  const instance = createInstance(config, store, log, others);
  const stopMeasuring = instance.metrics.measureLoop();
  let online = () => 0;
  const report = new ClusterReport(instance, () => online());
  return {
    instance,
    view: { cluster: () => report.state(), metrics: () => instance.metrics.text() },
    /** `sockets` counts the sockets, from now on. */
    counts: (sockets: () => number) => {
      online = sockets;
    },
    /** Resolves when every write taken has its answer, and others know that this instance goes and what it committed. */
    finish: async () => {
      await Promise.all([instance.writer.close(), report.close()]);
      await instance.reporter.flush();
    },
    close: () => {
      stopMeasuring();
      instance.close();
    },
  };
}

function createInstance(config: Config, store: Store, log: Log, others: Others): Instance {
  const { wallClock = Date.now, authorise } = others;
  const { jwtSecret: secret, jwksUrl, jwtIssuer: issuer, jwtAudience: audience } = config;
  const keys = { secret, jwksUrl, issuer, audience };
  const verify = tokenVerifier(keys, wallClock, (error) => instance.keysAway(error));
  const guard = new Guard(realClock, (hook, error) => instance.hookFailed(hook, error));
  const ask = authorise && authoriser(authorise, guard, config.origins);
  const instance = new Instance({
    name: config.name,
    boards: config.boards,
    durabilities: config.durabilities,
    history: config.history,
    store,
    access: new Access(config.access, verify, wallClock, ask),
    clock: realClock,
    log,
    admission: {
      writes: { perSecond: config.writesPerSecond, burst: config.writeBurst },
      requests: REQUESTS,
      watches: { ...WATCHES, burst: Math.max(WATCHES.burst, config.watchedPages) },
      connectionsPerAddress: config.connectionsPerAddress,
      // All that an address may have open may come back at once, as after the loss of an instance.
      connects: { perSecond: config.connectsPerSecond, burst: config.connectionsPerAddress },
    },
    writer: { waitMs: config.writeWaitMs, queuedChangesMax: QUEUED_CHANGES_MAX },
    fanOut: { ...FAN_OUT, flushMsMin: config.flushMs, unseenMs: config.flushUnseenMs },
    watchedPagesMax: config.watchedPages,
  });
  return instance;
}

export function httpOptions(config: Config, store: Store) {
  return {
    requestsPerMinute: config.httpPerMinute,
    sharedCounter:
      store instanceof ValkeyStore
        ? (key: string, name: string, ...args: string[]) => store.command(key, name, ...args)
        : undefined,
    limitPrefix: store instanceof ValkeyStore ? store.names.limits : "",
    teaching: true,
    forOperators: config.metricsPort === undefined,
  };
}
