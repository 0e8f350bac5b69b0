/*
 * A setting that may differ by board: a board's own value if the options name it, otherwise the
 * common value.
 */

export interface ByBoard<Value> {
  /** Board name -> its own value. */
  readonly boards: ReadonlyMap<string, Value>;
  /** The value of all other boards. */
  readonly others: Value;
}

export function ofBoard<Value>({ boards, others }: ByBoard<Value>, board: string): Value {
  return boards.get(board) ?? others;
}

/** Every value that any board may have. */
export function valuesOf<Value>({ boards, others }: ByBoard<Value>): Value[] {
  return [...boards.values(), others];
}

/**
 * Parses `value`, `main=value,seats=value` or both: `value,seats=value`. Returns undefined for any
 * other text. `parse` returns undefined if its text is not a value. Without a common value, boards
 * that are not named get `fallback`.
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
