/*
 * A store in front of another: it does what that one does, except for the members that a subclass
 * overrides. Members that the prototype chain lacks are looked up in the store behind, so `super`
 * reaches them too.
 */

import type { Store } from "../../src/store/store.js";

class Delegate {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }
}

Object.setPrototypeOf(
  Delegate.prototype,
  new Proxy(Object.prototype, {
    get: (base, name, self: Delegate) => {
      if (name in base) return Reflect.get(base, name, self);
      const value = Reflect.get(self.store, name);
      return typeof value === "function" ? value.bind(self.store) : value;
    },
  }),
);

export const DelegateStore = Delegate as new <Behind extends Store>(
  store: Behind,
) => Store & { readonly store: Behind };
