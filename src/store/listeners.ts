/* Listeners by name. A name without listeners takes no memory. */

export type Unsubscribe = () => void;

export class Listeners<Listener> {
  readonly #byName = new Map<string, Set<Listener>>();

  /** `ended` is called when the last listener of the name is removed. */
  add(name: string, listener: Listener, ended: () => void = () => undefined): Unsubscribe {
    const listeners = this.#byName.get(name) ?? new Set<Listener>();
    this.#byName.set(name, listeners);
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.#byName.get(name) !== listeners) return;
      this.#byName.delete(name);
      ended();
    };
  }

  of(name: string): Iterable<Listener> {
    return this.#byName.get(name) ?? [];
  }

  clear(): void {
    this.#byName.clear();
  }
}
