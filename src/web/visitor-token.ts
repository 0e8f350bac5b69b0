/*
 * The visitor's token, for boards that need one: the only reader of the part of the address that brings it, and of where it
 * is kept. A link brings it as `#token=…`, a part that browsers send to nobody; it leaves the address at once, before it is
 * copied, kept in the history, or seen over a shoulder. It is kept for this tab alone and no longer than that.
 */

/** Boards below other paths of the host have tokens of their own. */
const KEY = `socketscaler.token${new URL(".", location.href).pathname.replace(/\/$/, "")}`;
const NAME = "token";

/** Where it is while the browser keeps nothing, as some do for privacy. */
let remembered = "";

/** Takes the token out of the address; true if there was one. An empty one takes away the one there was. */
export function takeToken(): boolean {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const token = parameters.get(NAME);
  if (token === null) return false;
  parameters.delete(NAME);
  const rest = parameters.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  keepToken(token);
  return true;
}

/** Empty where there is none. */
export function readToken(): string {
  try {
    return sessionStorage.getItem(KEY) ?? remembered;
  } catch {
    return remembered;
  }
}

export function keepToken(token: string): void {
  remembered = token.trim();
  try {
    if (remembered === "") sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, remembered);
  } catch {
    // It is remembered until the page is left.
  }
}
