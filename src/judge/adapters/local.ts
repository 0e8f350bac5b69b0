/* The URLs that are judged, and whether they lead to this machine. */

import { BadChoice } from "./errors.js";

/** More instances would take more time than a run has. */
const URLS_MAX = 8;

export function readUrls(given: readonly string[]): string[] {
  if (given.length > URLS_MAX)
    throw new BadChoice(`${given.length} URLs were given: at most ${URLS_MAX} can be judged`);
  const urls = given.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^https?:$/.test(url.protocol)) {
      throw new BadChoice(`"${text}" is not the URL of a board: use http://host:port`);
    }
    if (url.username || url.password) throw new BadChoice("a URL with a password is not supported");
    return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  });
  if (new Set(urls).size < urls.length) throw new BadChoice("a URL was given twice: give each instance once");
  return urls;
}

/** Any other host may belong to others, so the judge asks first. */
export function isLocal(url: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(url).hostname);
}
