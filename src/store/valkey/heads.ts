/* Some fields of the heads of many pages, in one round trip. What is not valid is left out, and reported. */

import type { PageRef } from "../../board/geometry.js";
import { DamagedPage, type Damages } from "../damage.js";
import type { Names } from "./keys.js";
import type { ValkeyLink } from "./link.js";

/** Undefined for a page whose server does not answer soon, and for one whose head is not valid, as `parse` says. */
export async function readHeads<Value>(
  link: ValkeyLink,
  names: Names,
  damages: Damages,
  pages: readonly PageRef[],
  fields: readonly string[],
  parse: (values: readonly (string | null)[], page: PageRef) => Value | undefined,
): Promise<(Value | undefined)[]> {
  const keys = pages.map((page) => names.page(page).head);
  const answers = await link.fieldsOf(keys, fields);
  return pages.map((page, index) => {
    const answer = answers[index];
    if (!answer) return undefined;
    const value = answer instanceof DamagedPage ? undefined : parse(answer, page);
    damages.found(
      page,
      `head (${fields.join(", ")})`,
      value !== undefined,
      answer instanceof Error ? answer : undefined,
    );
    return value;
  });
}
