/* Counts the HTTP requests that reach an instance in the test's process. */

import type { LocalInstance } from "./instances.js";

/** The paths so far, in order. */
export function countRequests({ io }: Pick<LocalInstance, "io">): string[] {
  const paths: string[] = [];
  io.httpServer.prependListener("request", ({ url = "" }: { url?: string }) => paths.push(url));
  return paths;
}
