/* Counts in texts for people: grouped (10,000), and with a noun in the right number. */

const grouping = new Intl.NumberFormat("en");

export function formatCount(count: number): string {
  return grouping.format(count);
}

/** `many` is needed if the plural is not `one` with an s. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
