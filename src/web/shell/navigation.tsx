/* Navigation: to a checkbox by its number, and to other boards. */

import type { TargetedSubmitEvent } from "preact";
import { useState } from "preact/hooks";

export function GoToNumber({ size, onGo }: { size: number; onGo: (cell: number) => void }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const digits = text.trim().replaceAll(",", "");
    const cell = /^\d{1,10}$/.test(digits) ? Number(digits) : Number.NaN;
    setWrong(!(cell < size));
    if (cell < size) onGo(cell);
  };
  return (
    <form class="go-to" onSubmit={submit} data-testid="go-to" noValidate>
      <label for="go-to">Go to number</label>
      <input
        id="go-to"
        type="text"
        inputMode="numeric"
        autoComplete="off"
        maxLength={13}
        value={text}
        placeholder={`0–${size - 1}`}
        aria-invalid={isWrong}
        aria-describedby="go-to-error"
        data-testid="go-to-number"
        onInput={(event) => {
          setText(event.currentTarget.value);
          setWrong(false);
        }}
      />
      <button type="submit">Go</button>
      <span id="go-to-error" class="go-to-error" translate={false} role="status" data-testid="go-to-error">
        {isWrong && `Enter a number from 0 to ${size - 1}.`}
      </span>
    </form>
  );
}

export function Boards({ names, current }: { names: readonly string[]; current: string }) {
  if (names.length === 0 || (names.length === 1 && names[0] === current)) return null;
  return (
    <nav class="boards" translate={false} aria-label="Boards" data-testid="boards">
      {names.map((name) => (
        <a
          key={name}
          href={`?board=${encodeURIComponent(name)}`}
          {...(name === current && { "aria-current": "page" as const })}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}
