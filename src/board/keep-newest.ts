/** Takes out what was put in first where there are more than `most`: after each time that something was put in. */
export function keepNewest(map: Map<unknown, unknown>, most: number): void {
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
