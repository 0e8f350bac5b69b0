/* The result of one check of a deployment, with a remedy if the result is not good. */

export interface Finding {
  readonly is: "good" | "warning" | "bad";
  readonly what: string;
  readonly fix?: string;
}

export function good(what: string): Finding {
  return { is: "good", what };
}

export function warning(what: string, fix: string): Finding {
  return { is: "warning", what, fix };
}

export function bad(what: string, fix: string): Finding {
  return { is: "bad", what, fix };
}
