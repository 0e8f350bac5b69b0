/* The result of a check of a deployment, with a remedy if it is not good. */

export interface Finding {
  readonly is: "good" | "warning" | "bad";
  readonly what: string;
  readonly fix?: string;
}
