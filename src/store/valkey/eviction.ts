/*
 * What Valkey deletes when its memory is full. The bits and the head of a page never expire. A policy
 * `volatile-*` therefore keeps boards whole, and deletes logs, histories and the record of accepted
 * writes. A policy `allkeys-*` deletes pages.
 */

/** The value of a field of INFO; empty if there is no such field. */
export type Info = (name: string) => string;

export function readInfo(text: string): Info {
  const fields = new Map(Array.from(text.matchAll(/^(\w+):(.*?)\r?$/gm), ([, name = "", value = ""]) => [name, value]));
  return (name) => fields.get(name) ?? "";
}

export interface Eviction {
  /** Boards are lost by it. */
  readonly losesPages: boolean;
  readonly what: string;
}

/** Undefined if nothing is evicted. */
export function evictionOf(info: Info): Eviction | undefined {
  const policy = info("maxmemory_policy");
  if (policy === "noeviction" || info("maxmemory") === "0") return undefined;
  if (policy === "") return { losesPages: false, what: "it does not report its maxmemory-policy: allow the user INFO" };
  const losesPages = !policy.startsWith("volatile-");
  const loss = losesPages
    ? "pages of boards"
    : "history and the record of accepted writes, so a repeated write may take effect twice";
  return { losesPages, what: `maxmemory-policy is ${policy}: when its memory is full, it deletes ${loss}` };
}

export const EVICTION_FIX = "set maxmemory-policy noeviction";

/** The worst of several servers. */
export function worstEviction(infos: readonly Info[]): Eviction | undefined {
  const evictions = infos.flatMap((info) => evictionOf(info) ?? []);
  return evictions.find(({ losesPages }) => losesPages) ?? evictions[0];
}
