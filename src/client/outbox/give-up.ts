/** Older changes are given up. The server remembers sequence numbers for longer. */
export const GIVE_UP_MS = 300_000;
