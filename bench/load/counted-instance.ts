/*
 * An instance in a process of its own that counts the HTTP requests which reach it. It answers each
 * message with the counts so far.
 *
 *     counted-instance.ts FLAGS        FLAGS as JSON
 */

import { startInstance } from "../../test/support/instances.js";

export interface RequestCounts {
  readonly url: string;
  /** Requests of whole pages, of the feed, and of all kinds. */
  readonly pages: number;
  readonly feed: number;
  readonly all: number;
}

const instance = await startInstance(JSON.parse(process.argv[2] ?? "{}"));
const counts = { pages: 0, feed: 0, all: 0 };

instance.io.httpServer.prependListener("request", ({ url = "" }: { url?: string }) => {
  counts.all++;
  if (url.includes("/since/")) counts.feed++;
  else if (url.includes("/pages/")) counts.pages++;
});

const tell = () => process.send?.({ url: instance.url, ...counts } satisfies RequestCounts);
process.on("message", tell);
process.on("disconnect", () => process.exit());
tell();
