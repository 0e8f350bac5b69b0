/* Which instances there are, inside one process: the rule of announce.lua. */

import { ANNOUNCED_MS } from "../store.js";

export class LocalInstances {
  readonly #now: () => number;
  readonly #said = new Map<string, { readonly text: string; readonly untilMs: number }>();

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  announce(instance: string, text: string): readonly string[] {
    const now = this.#now();
    this.#said.delete(instance);
    if (text !== "") this.#said.set(instance, { text, untilMs: now + ANNOUNCED_MS });
    for (const [each, { untilMs }] of this.#said) {
      if (untilMs < now || untilMs > now + ANNOUNCED_MS) this.#said.delete(each);
    }
    return Array.from(this.#said.values(), (said) => said.text);
  }
}
