/*
 * Admission: whether a client may connect, and how fast it may write. Each session, address and
 * network has its own count, so that one at its limit never delays another. The number of counts is
 * bounded, and each instance has its own.
 */

import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import { networkKey } from "./address.js";
import { Allowance } from "./allowance.js";
import { KeyedBuckets } from "./keyed-buckets.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

export interface AdmissionLimits {
  readonly writes: Rate;
  /** Requests of any kind on one connection. */
  readonly requests: Rate;
  /** Pages that one connection may ask to watch. */
  readonly watches: Rate;
  /** Most connections that one address may have open. */
  readonly connectionsPerAddress: number;
  /** New connections from one address. */
  readonly connects: Rate;
  /** HTTP requests of any kind from one address. Default: no bound. */
  readonly http?: Rate;
}

/** A limit that may have to be raised for a crowd: an option, or one of the system. */
export type CrowdLimit = "CONNECTIONS_PER_ADDRESS" | "CONNECTS_PER_SECOND" | "HTTP_PER_MINUTE" | "ulimit -n";

/** An address may write as much as 20 sessions, and a network as much as 20 addresses. */
const ADDRESS_SESSIONS = 20;
const NETWORK_ADDRESSES = 20;
/**
 * Work that affects others or takes long. A unit is about 20 µs: one small message sent to one
 * client, or a kibibyte read. An address gets a tenth of a core for such work, and all addresses
 * together a quarter.
 */
const WORK = { perSecond: 5_000, burst: 5_000 };
const ALL_WORK = { perSecond: 12_500, burst: 12_500 };
/** How long an address with too many connections must wait before it tries again. */
const CONNECTIONS_RETRY_MS = 5_000;
/** Retries of clients refused for their rate are spread over at least this time. */
const CONNECT_RETRY_MS_MIN = 1_000;
/**
 * A connection closed for its errors counts as 25, so that reconnecting does not reset its limits.
 */
const OFFENCE_CONNECTS = 25;

export class Admission {
  readonly limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #reached: (limit: CrowdLimit, address: string) => void;
  readonly #connections = new Map<string, number>();
  readonly #connects: KeyedBuckets;
  readonly #sessionWrites: KeyedBuckets;
  readonly #addressWrites: KeyedBuckets;
  readonly #networkWrites: KeyedBuckets;
  readonly #addressWatches: KeyedBuckets;
  readonly #addressWork = new KeyedBuckets(WORK);
  readonly #allWork: TokenBucket;
  readonly #addressHttp: KeyedBuckets | undefined;

  /** `reached` is called for each connection that is refused. */
  constructor(
    limits: AdmissionLimits,
    clock: Clock,
    reached: (limit: CrowdLimit, address: string) => void = () => undefined,
  ) {
    this.limits = limits;
    this.#clock = clock;
    this.#reached = reached;
    this.#connects = new KeyedBuckets(limits.connects);
    this.#sessionWrites = new KeyedBuckets(limits.writes);
    this.#addressWrites = new KeyedBuckets(times(limits.writes, ADDRESS_SESSIONS));
    this.#networkWrites = new KeyedBuckets(times(limits.writes, ADDRESS_SESSIONS * NETWORK_ADDRESSES));
    this.#addressWatches = new KeyedBuckets(times(limits.watches, ADDRESS_SESSIONS));
    this.#addressHttp = limits.http && new KeyedBuckets(limits.http);
    this.#allWork = new TokenBucket(ALL_WORK, clock.now());
  }

  /** Counts a connection until `disconnect` is called. Throws TOO_MANY_CONNECTIONS. */
  connect(address: string): void {
    const count = this.#connections.get(address) ?? 0;
    if (count >= this.limits.connectionsPerAddress) {
      this.#reached("CONNECTIONS_PER_ADDRESS", address);
      throw new Refusal("TOO_MANY_CONNECTIONS", { retryAfterMs: CONNECTIONS_RETRY_MS });
    }
    const waitMs = this.#connects.take(address, 1, this.#clock.now());
    if (waitMs > 0) {
      this.#reached("CONNECTS_PER_SECOND", address);
      const retryAfterMs = Math.max(waitMs, CONNECT_RETRY_MS_MIN * (1 + this.#clock.random()));
      throw new Refusal("TOO_MANY_CONNECTIONS", { retryAfterMs });
    }
    this.#connections.set(address, count + 1);
  }

  disconnect(address: string): void {
    const count = this.#connections.get(address) ?? 0;
    if (count > 1) this.#connections.set(address, count - 1);
    else this.#connections.delete(address);
  }

  offended(address: string): void {
    this.#connects.charge(address, OFFENCE_CONNECTS, this.#clock.now());
  }

  allowance(address: string): Allowance {
    return new Allowance(address, this.limits, this.#clock);
  }

  /** Throws RATE_LIMITED if the connection or its address may not watch `pages` more pages now. */
  admitWatch({ address, watches }: Allowance, pages: number): void {
    const now = this.#clock.now();
    const waitMs = watches.take(pages, now) || this.#addressWatches.take(address, pages, now);
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
  }

  /**
   * Throws RATE_LIMITED if `session`, its address or its network may not write `cells` cells now.
   * Buckets outlive the connection, and a new session is still bound by what its address has left.
   * All buckets are checked before any is charged, so a refused write costs nothing.
   */
  admitWrite(address: string, session: string | undefined, cells: number): void {
    const now = this.#clock.now();
    const network = networkKey(address);
    const waitMs = Math.max(
      this.#addressWrites.waitMs(address, cells, now),
      session === undefined ? 0 : this.#sessionWrites.waitMs(session, cells, now),
      network === undefined ? 0 : this.#networkWrites.waitMs(network, cells, now),
    );
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
    this.#addressWrites.take(address, cells, now);
    if (session !== undefined) this.#sessionWrites.take(session, cells, now);
    if (network !== undefined) this.#networkWrites.take(network, cells, now);
  }

  /**
   * Throws RATE_LIMITED if the address, or all addresses together, have used up their share of
   * heavy work. Otherwise charges `units`, if necessary as a debt. Heavy work is a message to
   * everyone or a long read. A click is not, so it never waits for another client's heavy work.
   */
  admitWork(address: string, units: number): void {
    const now = this.#clock.now();
    const waitMs = Math.max(this.#addressWork.waitMs(address, 0, now), this.#allWork.waitMs(0, now));
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: Math.ceil(waitMs) });
    this.chargeWork(address, units);
  }

  /**
   * Like `admitWork`, for work that an address causes for itself: what others do does not delay it.
   */
  admitOwnWork(address: string, units: number): void {
    const now = this.#clock.now();
    const waitMs = this.#addressWork.waitMs(address, 0, now);
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: Math.ceil(waitMs) });
    this.#addressWork.charge(address, units, now, Number.POSITIVE_INFINITY);
  }

  /** Charges for work that turned out to exceed what was admitted. */
  chargeWork(address: string, units: number): void {
    const now = this.#clock.now();
    // One message to many clients may cost more than a burst, and must be paid in full.
    this.#addressWork.charge(address, units, now, Number.POSITIVE_INFINITY);
    this.#allWork.charge(units, now, Number.POSITIVE_INFINITY);
  }

  /** Counts an HTTP request. Returns the milliseconds for which it should be delayed. */
  paceHttp(address: string): number {
    const now = this.#clock.now();
    const waitMs = this.#addressHttp?.waitMs(address, 0, now) ?? 0;
    this.#addressHttp?.charge(address, 1, now);
    return waitMs;
  }
}

function times({ perSecond, burst }: Rate, factor: number): Rate {
  return { perSecond: perSecond * factor, burst: burst * factor };
}
