/*
 * The state of the connection, as a button that opens the rest: the instance, the round trip and
 * other boards. On a narrow screen it also holds what has no room in the header. The browser closes
 * it with Escape and with a press elsewhere.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Live } from "../state/live.js";
import { connectionWording } from "../wording/wording.js";
import { ConnectionFacts } from "./status.js";

interface MoreProps {
  readonly live: Live;
  /** A new value closes it. */
  readonly closing: unknown;
  readonly children: ComponentChildren;
}

export function More({ live, closing, children }: MoreProps) {
  const { tone, text } = connectionWording(live);
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => panel.current?.hidePopover(), [closing]);
  return (
    <>
      <button
        type="button"
        class="more-open"
        popovertarget="more"
        aria-label={`${text}. Connection and boards`}
        data-testid="more"
      >
        <span class="pill" translate={false} data-tone={tone} aria-hidden>
          {text}
        </span>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M4 6l4 4 4-4" />
        </svg>
      </button>
      <div ref={panel} id="more" class="more" popover="auto" data-testid="more-panel">
        <ConnectionFacts live={live} />
        {children}
      </div>
    </>
  );
}
