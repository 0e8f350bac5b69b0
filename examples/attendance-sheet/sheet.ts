/* The sheet: participants by days. The cell of a participant's day is `row * DAYS.length + day`. */

export const TEACHER = "Teacher";

export const NAMES: readonly string[] = [
  "Ada Lovelace",
  "Alan Turing",
  "Annie Easley",
  "Barbara Liskov",
  "Claude Shannon",
  "Dorothy Vaughan",
  "Edsger Dijkstra",
  "Emmy Noether",
  "Frances Allen",
  "Grace Hopper",
  "Hedy Lamarr",
  "Joan Clarke",
  "Katherine Johnson",
  "Ken Thompson",
  "Leslie Lamport",
  "Margaret Hamilton",
  "Mary Jackson",
  "Radia Perlman",
];

export const DAYS = [
  "Mon 2",
  "Tue 3",
  "Wed 4",
  "Thu 5",
  "Fri 6",
  "Mon 9",
  "Tue 10",
  "Wed 11",
  "Thu 12",
  "Fri 13",
] as const;

export const CELLS = NAMES.length * DAYS.length;

export function rowOf(cell: number): number {
  return Math.floor(cell / DAYS.length);
}
