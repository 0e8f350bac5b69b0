/* What a check of a deployment found, and, where it is not good, what to do. */

export interface Finding {
  readonly is: "good" | "warning" | "bad";
  readonly what: string;
  readonly fix?: string;
}
