/*
 * The cost of the load to instances, from their metrics: CPU, memory, HTTP requests, calls of
 * relays. An instance may keep its metrics to itself, so a run does without them.
 */

import { get } from "./deployment.js";

/** Totals since the start of an instance, and its memory now. */
interface Totals {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly httpRequests: number;
  readonly relayCalls: number;
}

export interface Usage extends Totals {
  readonly url: string;
  readonly seconds: number;
}

export interface Unmeasured {
  readonly url: string;
  readonly problem: string;
}

/** Measures the instances until the returned function is called. */
export async function measure(urls: readonly string[]): Promise<() => Promise<(Usage | Unmeasured)[]>> {
  const before = await Promise.all(urls.map(readTotals));
  const startMs = performance.now();
  return () => {
    const seconds = (performance.now() - startMs) / 1_000;
    return Promise.all(urls.map((url, index) => usageSince(url, before[index], seconds)));
  };
}

async function usageSince(url: string, before: Totals | string | undefined, seconds: number) {
  if (typeof before !== "object") return { url, problem: before ?? "" };
  const now = await readTotals(url);
  if (typeof now !== "object") return { url, problem: now };
  // The balancer in front has sent the requests to two instances, or the instance was restarted.
  if (now.cpuSeconds < before.cpuSeconds)
    return { url, problem: "The URL is not that of one instance: name each instance with --measure" };
  return {
    url,
    seconds,
    cpuSeconds: now.cpuSeconds - before.cpuSeconds,
    residentBytes: now.residentBytes,
    httpRequests: now.httpRequests - before.httpRequests,
    relayCalls: now.relayCalls - before.relayCalls,
  };
}

/** A text if they cannot be read. */
async function readTotals(url: string): Promise<Totals | string> {
  const address = `${url}/metrics`;
  try {
    const response = await get(address);
    const text = await response.text();
    const all = (name: string) => Array.from(text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm")));
    const sum = (name: string) => all(name).reduce((total, [, value]) => total + Number(value), 0);
    if (all("process_cpu_seconds_total").length === 0) return `${address} has no metrics (status ${response.status})`;
    return {
      cpuSeconds: sum("process_cpu_seconds_total"),
      residentBytes: sum("process_resident_memory_bytes"),
      httpRequests: sum("socketscaler_http_requests_total"),
      relayCalls: sum("socketscaler_relay_calls_total"),
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
