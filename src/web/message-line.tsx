/*
 * The line under the grid: what hinders, if anything does, else the cell pointed at, else what this is. Always there and
 * always as tall, so that the grid keeps still when there is something to say. Not read out by itself: what hinders is the
 * announcer's to say, and a checkbox tells its own number.
 */

import type { Wording } from "./wording.js";

export function MessageLine({ hint, usual }: { hint: Wording | undefined; usual: string | undefined }) {
  return (
    <p class="message" translate={false} aria-hidden={hint === undefined} data-tone={hint?.tone} data-testid="message">
      {hint?.text ?? usual}
    </p>
  );
}
