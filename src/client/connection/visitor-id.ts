/* The id that an anonymous visitor keeps across reloads. It is secret, because it owns claims. */

import { SECRET_ID } from "../../protocol/secret-id.js";

const KEY = "socketscaler.visitor";

/** The id kept in this browser. `draw` makes a new one, which is lost if none can be kept. */
export function visitorId(draw: () => string): string {
  try {
    const { localStorage } = globalThis;
    const kept = localStorage.getItem(KEY);
    if (kept !== null && SECRET_ID.test(kept)) return kept;
    const id = draw();
    localStorage.setItem(KEY, id);
    return id;
  } catch {
    // There is no storage, or the browser forbids it.
    return draw();
  }
}
