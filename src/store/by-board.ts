/* A setting by board: its own if the options name the board, otherwise the common one. */

export interface ByBoard<Value> {
  /** Boards that the options name. */
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
 * Reads `value`, or `main=value,seats=value`, or both: `value,seats=value`. Undefined if it is
 * neither. `parse` returns undefined if the text is no value. Without a common value, `fallback` is
 * for the boards that are not named.
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
