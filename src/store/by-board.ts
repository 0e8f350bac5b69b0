/* A setting that every board has: its own where the board is named, else that of all others. */

export interface ByBoard<Value> {
  /** Boards that are named. */
  readonly boards: ReadonlyMap<string, Value>;
  /** All others. */
  readonly others: Value;
}

export function ofBoard<Value>({ boards, others }: ByBoard<Value>, board: string): Value {
  return boards.get(board) ?? others;
}

/** Every value that some board may have. */
export function valuesOf<Value>({ boards, others }: ByBoard<Value>): Value[] {
  return [...boards.values(), others];
}

/**
 * Reads `value`, or `main=value,seats=value`, or both: `value,seats=value`; undefined if it is neither. `parse` gives
 * undefined for what is no value; `fallback` is for boards that are not spoken of.
 */
export function parseByBoard<Value>(
  text: string,
  parse: (text: string) => Value | undefined,
  fallback: Value,
): ByBoard<Value> | undefined {
  const boards = new Map<string, Value>();
  let others: Value | undefined;
  for (const item of text.split(",")) {
    const [, board, spelled = ""] = /^(?:([^=]+)=)?([^=]+)$/.exec(item.trim()) ?? [];
    const value = parse(spelled);
    if (value === undefined || (board === undefined ? others !== undefined : boards.has(board))) return undefined;
    if (board === undefined) others = value;
    else boards.set(board, value);
  }
  return { boards, others: others ?? fallback };
}
