/* The version of SocketScaler, for metrics, /cluster and the log. */

import { readFileSync } from "node:fs";

export const VERSION = readVersion();

/** The same path leads to package.json from src/ and from dist/. */
function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown";
}
