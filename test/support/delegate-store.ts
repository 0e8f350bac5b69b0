/*
 * A store in front of another: it does what that one does, except for the members that a subclass
 * overrides.
 */

import type { Store } from "../../src/store/store.js";

class Delegate {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
    // biome-ignore lint/correctness/noConstructorReturn: members that are missing here are those of `store`
    return new Proxy(this, {
      get: (own, name, self) => {
        if (name in own) return Reflect.get(own, name, self);
        const value = Reflect.get(store, name);
        return typeof value === "function" ? value.bind(store) : value;
      },
    });
  }
}

export const DelegateStore = Delegate as new <Behind extends Store>(
  store: Behind,
) => Store & { readonly store: Behind };
