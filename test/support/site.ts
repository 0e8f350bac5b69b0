/* What a person at a browser meets: Chromium, and instances over one store. */

import type { Browser } from "playwright-core";
import type { Flags } from "../../src/server/config.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { launchChromium } from "./browser.js";
import { temporaryFolder } from "./folder.js";
import { type LocalInstance, startInstance } from "./instances.js";

export interface Site {
  readonly browser: Browser;
  readonly store: EmbeddedStore;
  readonly instances: readonly LocalInstance[];
  stop(): Promise<void>;
}

/** An instance with each of `flags`. */
export async function startSite(t: { after(end: () => unknown): unknown }, flags: readonly Flags[]): Promise<Site> {
  const browser = await launchChromium();
  const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
  const instances = await Promise.all(flags.map((each) => startInstance(each, store)));
  return {
    browser,
    store,
    instances,
    stop: async () => {
      await browser.close();
      await Promise.all(instances.map((instance) => instance.stop()));
      await store.close();
    },
  };
}
