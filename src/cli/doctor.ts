/*
 * `socketscaler doctor [URL…]`: checks a deployment with the options that an instance would have,
 * and prints what is good, what is wrong and what to do. The exit code is 1 if anything is wrong.
 */

import { BadOption, type Config } from "../server/config.js";
import { filesMax } from "../server/open-files.js";
import { openStore } from "../server/open-store.js";
import { createLog } from "../server/telemetry/log.js";
import { bad, type Finding, good, warning } from "../store/finding.js";
import { type Store, StoreAway, StoreUnusable } from "../store/store.js";
import { checkUp } from "../store/valkey/checkup.js";
import { ValkeyStore } from "../store/valkey/valkey-store.js";
import { checkUrls } from "./url-checks.js";

/** Limits on open files, below which doctor reports a finding. Each client takes one file. */
const FILES_MIN = 1_024;
const FILES_ENOUGH = 10_000;
const SIGNS = { good: "✓", warning: "!", bad: "✗" } as const;

export async function doctor(config: Config, urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const isHttp = URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
    if (!isHttp)
      throw new BadOption(`"${url}" is not the URL of an instance: expected http://host:port or https://host`);
  }
  const findings = [checkFiles(), ...(await checkStore(config)), ...(await checkUrls(urls))];
  for (const { is, what, fix } of findings) {
    process.stdout.write(`${SIGNS[is]} ${what}\n${fix === undefined ? "" : `    ${fix}\n`}`);
  }
  const count = (sign: Finding["is"]) => findings.filter(({ is }) => is === sign).length;
  process.stdout.write(`\n${count("bad")} wrong, ${count("warning")} to consider, ${count("good")} good\n`);
  if (count("bad") > 0) process.exitCode = 1;
}

function checkFiles(): Finding {
  const limit = filesMax();
  if (limit === undefined) return good("the number of open files is not limited");
  const what = `at most ${limit} files may be open, and each client takes one`;
  if (limit >= FILES_ENOUGH) return good(what);
  const fix = "raise the limit for the instances: ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit";
  return (limit < FILES_MIN ? bad : warning)(what, fix);
}

async function checkStore(config: Config): Promise<Finding[]> {
  if (config.valkeyUrl === undefined && config.upstreamUrls === undefined) {
    const what = "VALKEY_URL is not set, so one process on this machine keeps the boards in DATA_DIR";
    return [warning(what, "set VALKEY_URL to run more than one instance")];
  }
  try {
    const store = await openStore(config, createLog("silent"), { mayEvict: true });
    try {
      return store instanceof ValkeyStore ? await checkUp(store, config.durabilities) : [checkUpstream(store)];
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreUnusable || error instanceof StoreAway)) throw error;
    const isAway = error instanceof StoreAway;
    const fix = isAway ? "check VALKEY_URL, and that Valkey is running and reachable from here" : "correct this";
    return [bad(error.message, `${fix}, then run doctor again`)];
  }
}

function checkUpstream({ available }: Store): Finding {
  if (available) return good("an upstream accepts this relay, and its store answers");
  return bad("an upstream accepts this relay, but its store does not answer", "run doctor on the upstream");
}
