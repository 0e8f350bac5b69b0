/*
 * The text of a live region, in a new element each time. With the same text in the same element, a
 * screen reader would not announce it again.
 */

import { useRef } from "preact/hooks";

export interface Announcement {
  readonly text: string;
}

/** Announces each new object, even if its text is the same. */
export function Said({ what }: { what: Announcement }) {
  const serial = useRef({ what, count: 0 });
  if (serial.current.what !== what) serial.current = { what, count: serial.current.count + 1 };
  return <p key={serial.current.count}>{what.text}</p>;
}
