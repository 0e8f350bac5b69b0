/*
 * The line under the grid: a problem, the cell pointed at, or a hint. It always has the same
 * height, so that the grid does not move. Screen readers get problems from the announcer instead.
 */

import type { Wording } from "../wording/wording.js";

export function MessageLine({ hint, usual }: { hint: Wording | undefined; usual: string | undefined }) {
  return (
    <p class="message" translate={false} aria-hidden={hint === undefined} data-tone={hint?.tone} data-testid="message">
      {hint?.text ?? usual}
    </p>
  );
}
