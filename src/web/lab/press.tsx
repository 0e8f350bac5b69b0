/*
 * A button that keeps the keyboard focus while it cannot be pressed: a disabled one would lose it.
 * The element with the id `reason` says why it cannot.
 */

import type { ComponentChildren } from "preact";

interface Props {
  readonly name: string;
  readonly isOff: boolean;
  readonly reason?: string | undefined;
  readonly isMain?: boolean;
  readonly onPress: () => void;
  readonly children: ComponentChildren;
}

export function Press({ name, isOff, reason, isMain = false, onPress, children }: Props) {
  return (
    <button
      type="button"
      class={isMain ? "primary" : ""}
      data-testid={`lab-${name}`}
      aria-disabled={isOff}
      aria-describedby={isOff ? reason : undefined}
      onClick={() => {
        if (!isOff) onPress();
      }}
    >
      {children}
    </button>
  );
}
