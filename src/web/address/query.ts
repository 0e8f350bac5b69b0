/*
 * The app's own address names a board, a place, a token, and the instance. This file has its
 * parameters: the only reader of `location.search`.
 */

const BOARD_DEFAULT = "main";
const PORT_MAX = 65_535;

export type Query = ReturnType<typeof readQuery>;

/** `ports` are those of the instances that the demo shows, if the address lists any. */
export function readQuery(search: string) {
  const parameters = new URLSearchParams(search);
  return {
    board: parameters.get("board") || BOARD_DEFAULT,
    isCompact: parameters.has("compact"),
    ports: (parameters.get("ports") ?? "")
      .split(",")
      .map(Number)
      .filter((port) => Number.isInteger(port) && port > 0 && port <= PORT_MAX),
  };
}
