/*
 * What Valkey deletes when its memory is full. The bits and the head of a page never expire, so a policy `volatile-*`
 * leaves boards whole and takes what expires: logs, histories, and which writes were taken. `allkeys-*` takes pages.
 */

/** What a field of INFO says; empty if it is not there. */
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
    ? "when its memory is full, it deletes pages of boards"
    : "when its memory is full, it deletes recorded history and the record of which writes were taken, so a retry may take effect twice";
  return { losesPages, what: `maxmemory-policy is ${policy}: ${loss}` };
}

export const EVICTION_FIX = "set maxmemory-policy noeviction";

/** The worst of several servers. */
export function worstEviction(infos: readonly Info[]): Eviction | undefined {
  const evictions = infos.flatMap((info) => evictionOf(info) ?? []);
  return evictions.find(({ losesPages }) => losesPages) ?? evictions[0];
}
