/* Commits cell after cell to an embedded store and says each when it is acknowledged; ends when it is killed. */

import { packChanges } from "../../src/board/delta.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { newTag } from "../../src/store/tag.js";

const store = await EmbeddedStore.open({ directory: process.argv[2] ?? "" });
for (let cell = 0; cell < 65_536; cell++) {
  const writes = [{ session: "", seq: 1, changes: packChanges([[cell, 1]]) }];
  await store.commit({ board: "main", page: 0 }, { tag: newTag(), writes });
  process.stdout.write(`${cell}\n`);
}
