/*
 * Limits per address. Requests for boards are counted per minute, over all instances
 * (HTTP_PER_MINUTE). Requests of any kind are paced on each instance: first delayed, then refused.
 * Reads through TRUSTED_CACHES are not counted.
 */

import type { RequestHandler } from "express";
import { Refusal } from "../../../protocol/errors.js";
import type { Instance } from "../../instance/instance.js";
import { type CountShared, SharedLimits, WINDOW_MS } from "../../limits/shared-limits.js";
import { addressOf } from "./request-context.js";
import { type CacheRules, isFromTrustedCache } from "./shared-caches.js";

const WAIT_MS_MAX = 2_000;

interface PerMinute {
  readonly requestsPerMinute: number;
  readonly countShared: CountShared | undefined;
  readonly caching: CacheRules;
}

/**
 * Requests with an `account` are counted apart from the others of their address. Those of trusted
 * caches are not counted.
 */
export function pace(instance: Instance, account = "", caching?: CacheRules): RequestHandler {
  return (request, response, next) => {
    if (caching && isFromTrustedCache(request, caching)) return next();
    const waitMs = instance.admission.paceHttp(account + addressOf(request));
    if (waitMs === 0) next();
    else if (waitMs <= WAIT_MS_MAX) instance.clock.after(waitMs, () => next());
    else {
      // A refusal costs nearly as much as an answer, so the client must reconnect for its next
      // request.
      response.set("Connection", "close");
      throw new Refusal("RATE_LIMITED", { retryAfterMs: Math.ceil(waitMs) });
    }
  };
}

/** Sends the headers of draft 7 of "RateLimit header fields for HTTP". */
export function limitPerMinute(
  instance: Instance,
  { requestsPerMinute: limit, countShared, caching }: PerMinute,
): RequestHandler {
  const limits = new SharedLimits({
    shared: countShared,
    clock: instance.clock,
    isAvailable: () => instance.store.available,
    failed: (error) =>
      instance.failed(
        error,
        "the shared HTTP request count is unavailable: meanwhile, this instance uses its own count",
      ),
  });
  return async (request, response, next) => {
    if (isFromTrustedCache(request, caching)) return next();
    const { hits, leftMs } = await limits.count(addressOf(request));
    response.set({
      "RateLimit-Policy": `${limit};w=${WINDOW_MS / 1000}`,
      RateLimit: `limit=${limit}, remaining=${Math.max(0, limit - hits)}, reset=${Math.ceil(leftMs / 1000)}`,
    });
    if (hits > limit) {
      instance.limitReached("HTTP_PER_MINUTE", addressOf(request));
      throw new Refusal("RATE_LIMITED", { retryAfterMs: leftMs });
    }
    next();
  };
}
