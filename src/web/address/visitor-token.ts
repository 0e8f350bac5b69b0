/*
 * The visitor's token, for boards that need one. A link carries it as `#token=…`, which browsers
 * send to nobody. It is removed from the address immediately, before it is copied, stored in the
 * history, or seen over a shoulder. It is kept for this tab only.
 */

/** Apps below other paths of the host have their own tokens. */
const key = () => `socketscaler.token${new URL(".", location.href).pathname.replace(/\/$/, "")}`;
const NAME = "token";

/** For browsers that store nothing, as some do for privacy. */
let remembered = "";

/**
 * Moves the token out of the address; true if there was one. An empty token clears the stored one.
 */
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

/** Empty if there is none. */
export function readToken(): string {
  try {
    return sessionStorage.getItem(key()) ?? remembered;
  } catch {
    return remembered;
  }
}

/** Tells the users apart who share this browser: the app's path, and the subject of the token. */
export function readUser(): string {
  const { pathname } = new URL(".", location.href);
  const [, payload = ""] = readToken().split(".");
  try {
    const { sub } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    if (typeof sub === "string") return `${pathname} ${sub}`;
  } catch {
    // There is no token, or only the server can read it.
  }
  return `${pathname} ${payload}`;
}

export function keepToken(token: string): void {
  remembered = token.trim();
  try {
    if (remembered === "") sessionStorage.removeItem(key());
    else sessionStorage.setItem(key(), remembered);
  } catch {
    // `remembered` keeps it until the tab is closed.
  }
}
