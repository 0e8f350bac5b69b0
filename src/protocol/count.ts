/* Counts in texts for people: grouped (10,000), and with a noun in the right number. */

/** Creating its first number format takes a browser 20 ms, and would delay the first picture. */
const BEFORE_GROUP = /\B(?=(\d{3})+$)/g;

/** `count` is whole. */
export function formatCount(count: number): string {
  return String(count).replace(BEFORE_GROUP, ",");
}

/** `many` is needed if the plural is not `one` with an s. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
