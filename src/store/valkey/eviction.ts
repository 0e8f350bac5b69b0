/*
 * The data that Valkey deletes when its memory is full. A `volatile-*` policy deletes logs,
 * histories and the record of taken writes. It keeps pages, because their bits and heads never
 * expire. An `allkeys-*` policy deletes pages.
 */

/** The value of a field of INFO, or an empty string if the field is absent. */
export type Info = (name: string) => string;

export function readInfo(text: string): Info {
  const fields = new Map(Array.from(text.matchAll(/^(\w+):(.*?)\r?$/gm), ([, name = "", value = ""]) => [name, value]));
  return (name) => fields.get(name) ?? "";
}

export interface Eviction {
  readonly losesPages: boolean;
  readonly what: string;
  readonly fix: string;
}

/** Undefined if nothing is evicted. */
export function evictionOf(info: Info): Eviction | undefined {
  const policy = info("maxmemory_policy");
  if (policy === "noeviction" || info("maxmemory") === "0") return undefined;
  if (policy === "") {
    const fix = "give the user of VALKEY_URL permission to run INFO";
    return { losesPages: false, what: "it does not report its maxmemory-policy", fix };
  }
  const losesPages = !policy.startsWith("volatile-");
  const loss = losesPages
    ? "it deletes pages of boards when its memory is full"
    : "it may delete history when its memory is full, and a retried write could take effect twice";
  return { losesPages, what: `with maxmemory-policy ${policy}, ${loss}`, fix: EVICTION_FIX };
}

export const EVICTION_FIX = "set maxmemory-policy noeviction";

/**
 * Checked repeatedly, because an operator may change the policy and a new primary may have another.
 */
const CHECK_EVERY_MS = 10_000;

/** Asks the primaries for their policy at startup and every CHECK_EVERY_MS. */
export class EvictionWatch {
  readonly #askAll: () => Promise<readonly unknown[]>;
  readonly #incident: (message: string) => void;
  #eviction: Eviction | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(askAll: () => Promise<readonly unknown[]>, incident: (message: string) => void) {
    this.#askAll = askAll;
    this.#incident = incident;
  }

  /** A sentence for operators; undefined if nothing is evicted. */
  get warning(): string | undefined {
    return this.#eviction && `Valkey may lose data: ${this.#eviction.what}. To fix this, ${this.#eviction.fix}`;
  }

  get losesPages(): boolean {
    return this.#eviction?.losesPages === true;
  }

  /** Resolves after the first check. Later changes are reported as incidents. */
  async start(): Promise<void> {
    await this.check();
    this.#timer = setInterval(() => void this.check(), CHECK_EVERY_MS).unref();
  }

  async check(): Promise<void> {
    // If the user lacks the right, or no server answers, the last answer stands.
    const replies = await this.#askAll().catch(() => []);
    if (replies.length === 0) return;
    const before = this.warning;
    const evictions = replies.flatMap((reply) => evictionOf(readInfo(String(reply))) ?? []);
    this.#eviction = evictions.find(({ losesPages }) => losesPages) ?? evictions[0];
    if (this.warning !== before && this.#timer) this.#incident(this.warning ?? "Valkey no longer evicts data");
  }

  /** To be called when a server is available again, because it may be another one. */
  available(): void {
    if (this.#timer) void this.check();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
