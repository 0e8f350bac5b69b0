/* The heads of many pages in one round trip. */

import type { PageRef } from "../../board/geometry.js";
import { PAGE_CELLS } from "../../board/geometry.js";
import { GENESIS, parsePosition } from "../../board/position.js";
import { DamagedPage, type Damages } from "../damage.js";
import { parseRanges } from "../frozen.js";
import type { PageHead } from "../store.js";
import type { Names } from "./keys.js";
import type { ValkeyLink } from "./link.js";

const FIELDS = ["v", "t", "n", "fz"];
const COUNT = /^\d{1,5}$/;

/** Undefined for a page whose server does not answer soon, or whose head is not valid. */
export async function readHeads(
  link: ValkeyLink,
  names: Names,
  damages: Damages,
  pages: readonly PageRef[],
): Promise<(PageHead | undefined)[]> {
  const answers = await link.fieldsOf(
    pages.map((page) => names.page(page).head),
    FIELDS,
  );
  return pages.map((page, index) => {
    const answer = answers[index];
    if (!answer) return undefined;
    const head = answer instanceof DamagedPage ? undefined : parseHead(answer);
    damages.found(page, "head (v, t, n)", head !== undefined, answer instanceof DamagedPage ? answer : undefined);
    if (head) damages.found(page, "head (fz)", head.frozen !== undefined);
    return head;
  });
}

function parseHead([version = null, tag = null, count, frozen]: readonly (string | null)[]): PageHead | undefined {
  const position = version === null && tag === null ? GENESIS : parsePosition(`${version}.${tag}`);
  const checked = COUNT.test(count ?? "0") ? Number(count ?? 0) : PAGE_CELLS + 1;
  if (!position || checked > PAGE_CELLS) return undefined;
  return { position, checked, frozen: parseRanges(frozen ?? "") };
}
