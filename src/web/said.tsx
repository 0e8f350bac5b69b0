/*
 * What a live region says: in a new element each time, so that the same words are said again. With the same text in the same
 * element nothing changes that a screen reader could hear.
 */

import { useRef } from "preact/hooks";

export interface Announcement {
  readonly text: string;
}

/** Each `what` that is another object is said. */
export function Said({ what }: { what: Announcement }) {
  return <Fresh key={useSerial(what)} text={what.text} />;
}

function Fresh({ text }: Announcement) {
  return <p>{text}</p>;
}

function useSerial(value: object): number {
  const serial = useRef({ value, count: 0 });
  if (serial.current.value !== value) serial.current = { value, count: serial.current.count + 1 };
  return serial.current.count;
}
