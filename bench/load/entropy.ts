/* The fewest bits that could say what changed on a page: to measure what a frame takes beside it. */

/** log2 of how many ways there are to choose k of n. */
export function log2Choose(n: number, k: number): number {
  let bits = 0;
  for (let index = 0; index < k; index++) bits += Math.log2((n - index) / (index + 1));
  return bits;
}

/** Which `changes` of `cells` changed, and to what, each equally likely. */
export function leastBits(cells: number, changes: number): number {
  return log2Choose(cells, changes) + changes;
}
