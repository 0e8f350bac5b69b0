/*
 * The shell of the app, which surrounds the board. These are the facts of the header: people,
 * checked and own boxes in its line, and the rest behind it.
 *
 * A browser that translates the app replaces its texts with elements of its own and never shows
 * later changes to the old ones. So every changing text is inside an element with `translate="no"`.
 */

import type { ComponentChildren } from "preact";
import type { Board } from "../../client/index.js";
import { formatCount } from "../../protocol/count.js";
import { summaryText } from "../state/claims.js";
import { type Live, useTicking } from "../state/live.js";
import { connectionWording, formatMs } from "../wording/wording.js";

const UNKNOWN = "–";
const ICONS = {
  online: "M8 7.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM3 13.5c0-2.8 2.2-4 5-4s5 1.2 5 4",
  checked: "M3 3h10v10H3zM5.5 8l2 2 3.5-4",
  own: "M8 2.5l1.7 3.5 3.8.5-2.8 2.6.7 3.8L8 11l-3.4 1.9.7-3.8L2.5 6.5l3.8-.5z",
};

interface StatusProps {
  readonly live: Live;
  readonly board: Board;
  readonly checked: number | undefined;
}

/** The facts in the line. */
export function Status({ live, board, checked }: StatusProps) {
  const { connection, size } = live;
  const own = useTicking(board.claims !== undefined, () => summaryText(board, Date.now()));
  const people = connection.connected ? (live.people ?? connection.onlineEverywhere) : 0;
  return (
    <dl class="status" translate={false}>
      <Fact label="People here" name="online" icon={ICONS.online}>
        {people > 0 ? formatCount(people) : UNKNOWN}
      </Fact>
      <Fact label="Checked" name="checked" icon={ICONS.checked}>
        {checked === undefined ? UNKNOWN : formatCount(checked)}
        {checked !== undefined && <span class="of">{` of ${formatCount(size)}`}</span>}
      </Fact>
      {own !== undefined && (
        <Fact label="Yours" name="own" icon={ICONS.own}>
          {own}
        </Fact>
      )}
    </dl>
  );
}

/** The facts to look for if something is wrong. */
export function ConnectionFacts({ live }: { readonly live: Live }) {
  const { instance, roundTripMs } = live;
  const { tone, text } = connectionWording(live);
  return (
    <dl class="status" translate={false}>
      <Fact label="Connection" name="connection">
        <span class="pill" data-tone={tone}>
          {text}
        </span>
      </Fact>
      <Fact label="Instance" name="instance">
        {instance ?? UNKNOWN}
      </Fact>
      <Fact label="Round trip" name="round-trip">
        {roundTripMs === undefined ? UNKNOWN : formatMs(roundTripMs)}
      </Fact>
    </dl>
  );
}

interface FactProps {
  readonly label: string;
  readonly name: string;
  readonly icon?: string;
  readonly children: ComponentChildren;
}

function Fact({ label, name, icon, children }: FactProps) {
  return (
    <div class="fact" data-fact={name} title={icon && label}>
      <dt>
        {icon && (
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d={icon} />
          </svg>
        )}
        <span>{label}</span>
      </dt>
      <dd data-testid={`status-${name}`}>{children}</dd>
    </div>
  );
}
