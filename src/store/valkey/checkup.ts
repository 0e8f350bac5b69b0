/*
 * Checks a Valkey before users depend on it: whether its settings could lose boards, and whether
 * messages get through. It runs only commands that an instance's ACL user may run, such as INFO,
 * TIME and CLUSTER INFO. It writes to a page of its own and deletes that page afterwards.
 */

import { packChanges } from "../../board/delta.js";
import { realClock, within } from "../../protocol/clock.js";
import { countOf } from "../../protocol/count.js";
import type { Durabilities } from "../durability.js";
import { bad, type Finding, good, warning } from "../finding.js";
import { newTag } from "../tag.js";
import { missingReplicas, replicasWanted } from "./durability-check.js";
import { EVICTION_FIX, evictionOf, type Info, readInfo } from "./eviction.js";
import type { ValkeyStore } from "./valkey-store.js";

const CLOCK_MS_MAX = 1_000;
const NEWS_MS_MAX = 2_000;
const FREE_CLIENTS_MIN = 100;
const SLOTS = 16_384;

export async function checkUp(store: ValkeyStore, durabilities: Durabilities): Promise<Finding[]> {
  const replicas = replicasWanted(durabilities);
  const servers = (await store.everywhere("INFO", "everything")).map((reply) => readInfo(String(reply)));
  const findings = servers.flatMap((info) =>
    checkServer(info, replicas).map((finding) => ({
      ...finding,
      what: `Valkey, port ${info("tcp_port")}: ${finding.what}`,
    })),
  );
  if (servers.some((info) => info("cluster_enabled") === "1")) findings.push(await checkCluster(store));
  findings.push(await checkClocks(store), await checkMessages(store));
  return findings;
}

function checkServer(info: Info, replicas: number): Finding[] {
  const findings = [checkVersion(info)];
  if (info("role") === "slave") {
    findings.push(bad("it is a read-only replica", "name the primary in VALKEY_URL, or use valkey+sentinel://"));
  }

  if (info("aof_enabled") !== "1") {
    const what = "it has no append-only file, so a restart loses the latest changes or whole boards";
    findings.push(bad(what, "set appendonly yes"));
  } else if (info("aof_last_write_status") !== "ok") {
    findings.push(bad("it cannot write its append-only file", "check the disk and Valkey's log"));
  } else findings.push(good("it keeps an append-only file"));

  const policy = info("maxmemory_policy");
  const eviction = evictionOf(info);
  if (eviction) findings.push((eviction.losesPages ? bad : warning)(eviction.what, eviction.fix));
  else if (policy === "noeviction") findings.push(good("it evicts nothing"));
  else findings.push(warning(`maxmemory-policy is ${policy}, which takes effect once maxmemory is set`, EVICTION_FIX));

  const free = Number(info("maxclients")) - Number(info("connected_clients"));
  if (free >= FREE_CLIENTS_MIN) findings.push(good(`${countOf(free, "more client")} can connect`));
  else
    findings.push(
      bad(
        `only ${countOf(free, "more client")} can connect`,
        "raise maxclients, and Valkey's limit on open files (ulimit -n)",
      ),
    );

  const present = Number(info("connected_slaves"));
  if (present < replicas) {
    const what = `${missingReplicas(replicas, present)}, so its writes are not acknowledged`;
    findings.push(bad(what, "add replicas, or lower DURABILITY"));
  } else if (replicas > 0) findings.push(good(`enough replicas are connected (boards require ${replicas})`));
  return findings;
}

function checkVersion(info: Info): Finding {
  const isValkey = info("server_name") === "valkey";
  const version = info(isValkey ? "valkey_version" : "redis_version");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const name = `${isValkey ? "Valkey" : "Redis"} ${version}`;
  if (major < 7) return bad(`${name} is too old`, "install Valkey 8, or Redis 7.0 or later");
  return good(
    major > 7 || minor >= 2
      ? `${name} supports DURABILITY fsynced`
      : `${name} supports every DURABILITY but fsynced, which needs 7.2`,
  );
}

async function checkCluster(store: ValkeyStore): Promise<Finding> {
  const states = (await store.everywhere("CLUSTER", "INFO")).map((reply) => readInfo(String(reply)));
  const worst = states.find((info) => info("cluster_state") !== "ok" || Number(info("cluster_slots_ok")) < SLOTS);
  if (!worst) return good(`all ${states.length} primaries report that the cluster serves every slot`);
  const what = `only ${worst("cluster_slots_ok")} of the cluster's ${SLOTS} slots are served`;
  return bad(what, "check CLUSTER NODES, then bring the failed primary back or fail over");
}

async function checkClocks(store: ValkeyStore): Promise<Finding> {
  const before = Date.now();
  const replies = await store.everywhere("TIME");
  const here = (before + Date.now()) / 2;
  const apart = replies.map((reply) => {
    const [seconds = 0, micros = 0] = Array.isArray(reply) ? reply.map(Number) : [];
    return Math.abs(seconds * 1_000 + micros / 1_000 - here);
  });
  const most = Math.round(Math.max(...apart));
  if (most <= CLOCK_MS_MAX) return good(`this machine's clock and Valkey's differ by at most ${CLOCK_MS_MAX} ms`);
  const what = `this machine's clock and Valkey's are ${most} ms apart, so tokens would expire early or late`;
  return bad(what, "synchronize both with NTP");
}

/** Commits to a page of its own, and waits for the delta as an instance does. */
async function checkMessages(store: ValkeyStore): Promise<Finding> {
  const page = { board: `doctor-${newTag()}`, page: 0 };
  const keys = store.names.page(page);
  const late = new Error("no message");
  try {
    const startedMs = performance.now();
    const heard = new Promise<void>((done, fail) => {
      const write = { session: "", seq: 1, changes: packChanges([[0, 1]]) };
      store
        .subscribe(page, { delta: () => done(), resumed: () => undefined })
        .then(() => store.commit(page, { tag: newTag(), writes: [write] }))
        .catch(fail);
    });
    await within(realClock, NEWS_MS_MAX, heard, () => late);
    const ms = (performance.now() - startedMs).toFixed(1);
    return good(`a message arrived after a write (${ms} ms to subscribe, write and receive)`);
  } catch (error) {
    if (error === late) {
      const fix = `allow the channels (ACL: &${store.names.channels}*), and check proxies between here and Valkey`;
      return bad(`no message arrived within ${NEWS_MS_MAX} ms after a write`, fix);
    }
    const what = `Valkey refused a write or a subscription (${error instanceof Error ? error.message : String(error)})`;
    return bad(what, "give the user of VALKEY_URL the rights that docs/configure.md lists");
  } finally {
    for (const key of [keys.bits, keys.head, keys.log, ...keys.seen, keys.history])
      await store.command(key, "DEL", key).catch(() => undefined);
  }
}
