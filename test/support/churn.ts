/* Changes so many and so random that each frame of a page is about as large as its bitmap. */

import type { Bit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import type { LocalInstance } from "./instances.js";
import { written } from "./promised.js";
import { mulberry } from "./random.js";
import { newSession } from "./raw-client.js";

const CHANGES = 4_096;

/** Each call of the function returned commits one batch on every page; limits do not apply to it. */
export function churn({ instance }: LocalInstance, pages: number, seed = 1): () => Promise<void> {
  const session = newSession();
  let seq = 0;
  const random = mulberry(seed);
  return async () => {
    seq++;
    await Promise.all(
      Array.from({ length: pages }, (_, page) => {
        const changes = Array.from({ length: CHANGES }, (): [number, Bit] => [
          Math.floor(random() * PAGE_CELLS),
          random() < 0.5 ? 1 : 0,
        ]);
        return written(instance.writer, { board: "main", page }, session, seq, packChanges(changes));
      }),
    );
  };
}
