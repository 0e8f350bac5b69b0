/* Boards full of noise, because an empty board costs next to nothing, and a browser. */

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store.js";
import { newTag } from "../../../src/store/tag.js";
import { launchChromium } from "../../../test/support/browser.js";
import { spawnInstance } from "../../../test/support/instances.js";
import type { NetworkNamespace } from "../../../test/support/network-namespace.js";
import { Random } from "../../../test/support/random.js";
import { NO_LIMITS } from "../../load/ours.js";

const SEED = 7;
const PAGE_BYTES = 8_192;
const AT_ONCE = 64;

export interface Seeded {
  readonly browser: Browser;
  readonly url: string;
  /** A part of the text of a scenario's method. */
  readonly surroundings: string;
}

/**
 * An instance with these boards, and Chromium, for as long as `use` takes. With `network`, the
 * instance runs in that network, and Chromium in ours.
 */
export async function withBoards<Found>(
  boards: ReadonlyMap<string, number>,
  use: (seeded: Seeded) => Promise<Found>,
  network?: NetworkNamespace,
): Promise<Found> {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-frames-"));
  try {
    await seed(folder, boards);
    const names = Array.from(boards, ([name, size]) => `${name}=${size}`).join(",");
    const flags = { ...NO_LIMITS, DATA_DIR: folder, BOARDS: names, HOST: network ? "0.0.0.0" : "127.0.0.1" };
    const before = network && `set -- ${network.inside.join(" ")} "$@"`;
    const instance = await spawnInstance(flags, before);
    const url = network ? instance.url.replace("127.0.0.1", network.address) : instance.url;
    const browser = await launchChromium();
    try {
      const surroundings = `Chromium ${browser.version()}, 1280 × 800, software rendering on ${cpus().length} cores that it shares with the instance`;
      return await use({ browser, url, surroundings });
    } finally {
      await browser.close();
      await instance.kill("SIGTERM");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function seed(directory: string, boards: ReadonlyMap<string, number>): Promise<void> {
  const store = await EmbeddedStore.open({ directory });
  for (const [board, size] of boards) {
    const random = new Random(SEED);
    const pages = Math.ceil(size / 65_536);
    for (let first = 0; first < pages; first += AT_ONCE) {
      const count = Math.min(AT_ONCE, pages - first);
      const reports = await Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const page = first + index;
          const cells = Math.min(65_536, size - page * 65_536);
          const { position, checked } = await store.replace({ board, page }, newTag(), noise(random, cells));
          return { page, version: position.version, checked };
        }),
      );
      await store.overview.report(board, reports);
    }
  }
  await store.close();
}

/** Between empty and half full: the first part of the page is noise. */
function noise(random: Random, cells: number): Uint8Array {
  const bits = new Uint8Array(PAGE_BYTES);
  const end = random.whole(0, Math.floor(cells / 8));
  for (let at = 0; at < end; at++) bits[at] = random.whole(0, 255);
  return bits;
}
