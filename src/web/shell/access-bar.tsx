/*
 * The access bar: the state of the visitor's token, and a form for another one. The token is sent
 * only to the instance.
 */

import type { TargetedSubmitEvent } from "preact";
import { useState } from "preact/hooks";
import type { AccessWording } from "../wording/wording.js";

interface AccessBarProps {
  readonly access: AccessWording;
  readonly hasToken: boolean;
  /** Empty to continue without a token. */
  readonly onToken: (token: string) => void;
}

export function AccessBar({ access, hasToken, onToken }: AccessBarProps) {
  const [isOpen, setOpen] = useState(false);
  const isAsked = access.isNeeded || isOpen;
  return (
    <section
      class="access"
      aria-label="Access"
      translate={false}
      data-testid="access"
      data-tone={access.isNeeded ? "bad" : "waiting"}
    >
      <p role="status" data-testid="access-text">
        {access.text}
      </p>
      {isAsked && <TokenForm onToken={onToken} />}
      {!isAsked && (
        <button type="button" data-testid="access-open" onClick={() => setOpen(true)}>
          {hasToken ? "Use another token" : "I have a token"}
        </button>
      )}
      {hasToken && isAsked && (
        <button type="button" data-testid="token-forget" onClick={() => onToken("")}>
          Continue without a token
        </button>
      )}
    </section>
  );
}

function TokenForm({ onToken }: { onToken: (token: string) => void }) {
  const [text, setText] = useState("");
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (text.trim() !== "") onToken(text);
  };
  return (
    <form class="token-form" onSubmit={submit} noValidate>
      <label for="token">Token</label>
      <input
        id="token"
        type="password"
        autoComplete="off"
        spellcheck={false}
        value={text}
        data-testid="token"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" data-testid="token-use">
        Use
      </button>
    </form>
  );
}
