/*
 * Text whose columns must stay below each other: a drawing, or a table of the terminal. lab.css
 * chooses a size at which such lines fit. Other lines may wrap.
 */

/** A line of columns has a gap in it, or is a rule. */
const ALIGNED = /\S {3,}\S|──/;

interface Props {
  readonly text: string;
  /** Whether lines without columns wrap. */
  readonly isWrapped?: boolean;
}

export function Picture({ text, isWrapped = false }: Props) {
  const lines = text.split("\n").map((line) => ({ line, isFree: isWrapped && !ALIGNED.test(line) }));
  const lengths = lines.map(({ line, isFree }) => (isFree ? 1 : Array.from(line).length));
  return (
    <pre class="picture" style={{ "--columns": Math.max(...lengths) }}>
      {lines.map(({ line, isFree }, at) => (
        <span key={at} class={isFree ? "free" : ""}>
          {`${line}\n`}
        </span>
      ))}
    </pre>
  );
}
