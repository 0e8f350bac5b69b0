/*
 * A position names one state of one page: the count of batches that changed it, and the tag of the
 * last. The version alone is not enough. After a failover to a replica that lacked the last writes,
 * their versions are used again for other writes:
 *
 *     lost history      … 1000a  1001b  1002c           a client stands at 1002c
 *     surviving history … 1000a  1001x  1002y  1003z    its delta 1002y -> 1003z must not apply
 *
 * Each attempt at a batch draws its tag at random, so equal version and tag mean equal history.
 */

/** A state of one page. Equal positions mean equal cells. */
export interface Position {
  /** The number of batches that changed the page. */
  readonly version: number;
  /** 48 random bits as 8 characters of base64url. */
  readonly tag: string;
}

/** Where every page starts: version 0, all cells unchecked. */
export const GENESIS: Position = { version: 0, tag: "AAAAAAAA" };

export function samePosition(a: Position, b: Position): boolean {
  return a.version === b.version && a.tag === b.tag;
}

/** The form for ETags, logs and JSON, as in `12.q83vEjRW`. */
export function formatPosition(position: Position): string {
  return `${position.version}.${position.tag}`;
}

const TEXT = /^(0|[1-9]\d{0,15})\.([\w-]{8})$/;

export function parsePosition(text: string): Position | undefined {
  const match = TEXT.exec(text);
  const version = Number(match?.[1]);
  const tag = match?.[2];
  return tag !== undefined && Number.isSafeInteger(version) ? { version, tag } : undefined;
}
