/*
 * `socketscaler doctor [URL…]`: looks at a deployment with the options that an instance would have, says what is well and
 * what is not, and what to do about it. Ends with 1 if anything is wrong.
 */

import { BadOption, type Config } from "../server/config.js";
import { filesMax } from "../server/open-files.js";
import { openStore } from "../server/open-store.js";
import { createLog } from "../server/telemetry/log.js";
import type { Finding } from "../store/finding.js";
import { StoreAway, StoreUnusable } from "../store/store.js";
import { checkUp } from "../store/valkey/checkup.js";
import { ValkeyStore } from "../store/valkey/valkey-store.js";
import { checkUrls } from "./url-checks.js";

/** A client takes one; below this there is hardly room for any. */
const FILES_MIN = 1_024;
const FILES_ENOUGH = 10_000;
const SIGNS = { good: "✓", warning: "!", bad: "✗" } as const;

export async function doctor(config: Config, urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const isHttp = URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
    if (!isHttp) throw new BadOption(`"${url}" is no URL of an instance: expected http://host:port or https://host`);
  }
  const findings = [checkFiles(), ...(await checkStore(config)), ...(await checkUrls(urls))];
  for (const { is, what, fix } of findings) {
    process.stdout.write(`${SIGNS[is]} ${what}\n${fix === undefined ? "" : `    ${fix}\n`}`);
  }
  const bad = findings.filter(({ is }) => is === "bad").length;
  const warnings = findings.filter(({ is }) => is === "warning").length;
  process.stdout.write(`\n${bad} wrong, ${warnings} to think about, ${findings.length - bad - warnings} well\n`);
  if (bad > 0) process.exitCode = 1;
}

function checkFiles(): Finding {
  const limit = filesMax();
  const what =
    limit === undefined ? "there is no limit of open files" : `${limit} files may be open: one for each client`;
  if (limit === undefined || limit >= FILES_ENOUGH) return { is: "good", what };
  const fix = "raise it for the instances: ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit";
  return { is: limit < FILES_MIN ? "bad" : "warning", what, fix };
}

async function checkStore(config: Config): Promise<Finding[]> {
  if (config.valkeyUrl === undefined) {
    const what = "VALKEY_URL is not set: boards live in DATA_DIR, for one process on one machine";
    return [{ is: "warning", what, fix: "set VALKEY_URL where there is to be more than one instance" }];
  }
  try {
    const store = await openStore(config, createLog("silent"), { mayEvict: true });
    try {
      return store instanceof ValkeyStore ? await checkUp(store, config.durabilities) : [];
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreUnusable || error instanceof StoreAway)) throw error;
    return [
      {
        is: "bad",
        what: error.message,
        fix: "look at VALKEY_URL, and whether Valkey runs and may be reached from here",
      },
    ];
  }
}
