/*
 * Boards with something on them, for benchmarks of the page: a first look at an empty board costs next to nothing and would
 * tell nothing.
 */

import { EmbeddedStore } from "../src/store/embedded/embedded-store.js";
import { newTag } from "../src/store/tag.js";
import { Random } from "../test/support/random.js";

const SEED = 7;
const PAGE_BYTES = 8_192;
const AT_ONCE = 64;

/** Sets all pages of the boards to noise, in the data directory, each page as full as chance has it. */
export async function seedBoards(directory: string, boards: ReadonlyMap<string, number>): Promise<void> {
  const store = await EmbeddedStore.open({ directory });
  const random = new Random(SEED);
  for (const [board, size] of boards) {
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

/** From nothing to half full: the first part of the page is noise. */
function noise(random: Random, cells: number): Uint8Array {
  const bits = new Uint8Array(PAGE_BYTES);
  const end = random.whole(0, Math.floor(cells / 8));
  for (let at = 0; at < end; at++) bits[at] = random.whole(0, 255);
  return bits;
}
