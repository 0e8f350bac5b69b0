/*
 * Checks a Valkey as an operator should before users come: whether its settings can lose boards,
 * and whether news gets through. Uses only commands that the boards' own ACL user may run (INFO,
 * TIME, CLUSTER INFO), and writes to one page of its own, which it deletes again.
 */

import { packChanges } from "../../board/delta.js";
import { valuesOf } from "../by-board.js";
import type { Durabilities } from "../durability.js";
import type { Finding } from "../finding.js";
import { newTag } from "../tag.js";
import { EVICTION_FIX, evictionOf, type Info, readInfo } from "./eviction.js";
import type { ValkeyStore } from "./valkey-store.js";

const CLOCK_MS_MAX = 1_000;
const NEWS_MS_MAX = 2_000;
const FREE_CLIENTS_MIN = 100;
const SLOTS = 16_384;

export async function checkUp(store: ValkeyStore, durabilities: Durabilities): Promise<Finding[]> {
  const replicas = Math.max(
    0,
    ...valuesOf(durabilities).map((each) => (each.level === "replicated" ? each.replicas : 0)),
  );
  const servers = (await store.everywhere("INFO", "everything")).map((reply) => readInfo(String(reply)));
  const findings = servers.flatMap((info) => checkServer(info, replicas));
  if (servers.some((info) => info("cluster_enabled") === "1")) findings.push(...(await checkCluster(store)));
  findings.push(...(await checkClocks(store)));
  findings.push(await checkNews(store));
  return findings;
}

function checkServer(info: Info, replicas: number): Finding[] {
  const findings: Finding[] = [];
  const port = info("tcp_port");
  const say = (is: Finding["is"], what: string, fix?: string) =>
    findings.push({ is, what: `Valkey, port ${port}: ${what}`, ...(fix === undefined ? {} : { fix }) });

  const isValkey = info("server_name") === "valkey";
  const version = info(isValkey ? "valkey_version" : "redis_version");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const known = `${isValkey ? "Valkey" : "Redis"} ${version}`;
  if (major < 7) say("bad", `${known} is too old`, "install Valkey 8, or Redis 7.0 or later");
  else if (major > 7 || minor >= 2) say("good", `${known}, which can confirm fsynced`);
  else say("good", `${known} (DURABILITY fsynced would take 7.2)`);

  if (info("role") === "slave")
    say("bad", "it is a replica and takes no writes", "name the primary in VALKEY_URL, or use valkey+sentinel://");

  if (info("aof_enabled") !== "1")
    say("bad", "it keeps no append-only file: a restart takes the boards back, or empties them", "set appendonly yes");
  else if (info("aof_last_write_status") !== "ok")
    say("bad", "it cannot write its append-only file", "look at the disk and at Valkey's log");
  else say("good", "it keeps an append-only file");

  const policy = info("maxmemory_policy");
  const eviction = evictionOf(info);
  if (eviction) say(eviction.losesPages ? "bad" : "warning", eviction.what, EVICTION_FIX);
  else if (policy === "noeviction") say("good", "it evicts nothing");
  else say("warning", `maxmemory-policy is ${policy}, which matters once maxmemory is set`, EVICTION_FIX);

  const free = Number(info("maxclients")) - Number(info("connected_clients"));
  if (free < FREE_CLIENTS_MIN)
    say("bad", `only ${free} more clients may connect`, "raise maxclients (and ulimit -n of Valkey)");
  else say("good", `${free} more clients may connect`);

  const present = Number(info("connected_slaves"));
  if (present < replicas) {
    say(
      "bad",
      `a board asks for ${replicas} replicas, and there are ${present}: its writes are not acknowledged`,
      "add replicas, or lower DURABILITY",
    );
  } else if (replicas > 0) say("good", `it has the ${replicas} replicas that a board asks for`);
  return findings;
}

async function checkCluster(store: ValkeyStore): Promise<Finding[]> {
  const states = (await store.everywhere("CLUSTER", "INFO")).map((reply) => readInfo(String(reply)));
  const worst = states.find((info) => info("cluster_state") !== "ok" || Number(info("cluster_slots_ok")) < SLOTS);
  if (!worst) return [{ is: "good", what: `the cluster is whole, as its ${states.length} primaries say` }];
  const what = `the cluster is not whole: ${worst("cluster_slots_ok")} of ${SLOTS} slots are served`;
  return [{ is: "bad", what, fix: "look at CLUSTER NODES: bring the failed primary back, or fail over" }];
}

async function checkClocks(store: ValkeyStore): Promise<Finding[]> {
  const before = Date.now();
  const replies = await store.everywhere("TIME");
  const here = (before + Date.now()) / 2;
  const apart = replies.map((reply) => {
    const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : [];
    return Math.abs((seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000 - here);
  });
  const most = Math.round(Math.max(...apart));
  if (most <= CLOCK_MS_MAX) return [{ is: "good", what: `the clocks here and there are within ${CLOCK_MS_MAX} ms` }];
  const what = `this machine's clock and Valkey's are ${most} ms apart: tokens would end early or late`;
  return [{ is: "bad", what, fix: "set both by NTP" }];
}

/** Commits to a page of its own and waits for the delta, as an instance would. */
async function checkNews(store: ValkeyStore): Promise<Finding> {
  const page = { board: `doctor-${newTag()}`, page: 0 };
  const keys = store.names.page(page);
  let late: NodeJS.Timeout | undefined;
  try {
    const started = performance.now();
    const heard = await new Promise<boolean>((done, fail) => {
      late = setTimeout(() => done(false), NEWS_MS_MAX);
      const write = { session: "", seq: 1, changes: packChanges([[0, 1]]) };
      store
        .subscribe(page, { delta: () => done(true), resumed: () => undefined })
        .then(() => store.commit(page, { tag: newTag(), writes: [write] }))
        .catch(fail);
    });
    const ms = (performance.now() - started).toFixed(1);
    if (heard)
      return { is: "good", what: `a write comes back as news (${ms} ms for subscribing, writing and hearing)` };
    const fix =
      "allow the channels server:broker:* (ACL: &server:broker:*), and look at what is between here and Valkey";
    return { is: "bad", what: `no news of a write within ${NEWS_MS_MAX} ms`, fix };
  } catch (error) {
    const what = `a write, or subscribing, is refused: ${error instanceof Error ? error.message : String(error)}`;
    return { is: "bad", what, fix: "give the user of VALKEY_URL the rights that docs/operations.md names" };
  } finally {
    clearTimeout(late);
    for (const key of [keys.bits, keys.head, keys.log, ...keys.seen, keys.history])
      await store.command(key, "DEL", key).catch(() => undefined);
  }
}
