/* The fewest bits that can describe the changes of a page, to compare a frame with. */

/** log2 of the number of ways to choose k of n. */
export function log2Choose(n: number, k: number): number {
  let bits = 0;
  for (let index = 0; index < k; index++) bits += Math.log2((n - index) / (index + 1));
  return bits;
}

/** Which `changes` of `cells` changed, and to what, each equally likely. */
export function leastBits(cells: number, changes: number): number {
  return log2Choose(cells, changes) + changes;
}
