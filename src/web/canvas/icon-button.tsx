/* A button with an icon instead of a text. Its tooltip has its name and its key. */

import type { ComponentChildren } from "preact";

interface IconButtonProps {
  readonly name: string;
  readonly icon: string;
  readonly shortcut?: string;
  readonly id: string;
  readonly isPressed?: boolean;
  /** Not `disabled`: a disabled button would drop the keyboard focus. */
  readonly isOff?: boolean;
  readonly onPress: () => void;
}

export function IconButton({
  name,
  icon,
  shortcut,
  id,
  isPressed,
  isOff,
  onPress,
}: IconButtonProps): ComponentChildren {
  return (
    <button
      type="button"
      class="tool"
      title={shortcut === undefined ? name : `${name} (${shortcut})`}
      aria-label={name}
      aria-keyshortcuts={shortcut}
      aria-pressed={isPressed}
      aria-disabled={isOff}
      data-testid={id}
      onClick={() => !isOff && onPress()}
    >
      <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
        <path d={icon} />
      </svg>
    </button>
  );
}
