/*
 * The status facts in the header.
 *
 * A browser that translates the app replaces its texts with elements of its own and never shows
 * later changes to the old ones. So every changing text is inside an element with `translate="no"`.
 */

import type { ComponentChildren } from "preact";
import type { Board } from "../client/index.js";
import { formatCount } from "../protocol/count.js";
import { summaryText } from "./claims.js";
import { type Live, useTicking } from "./live.js";
import { connectionWording, formatMs } from "./wording.js";

const UNKNOWN = "–";

interface StatusProps {
  readonly live: Live;
  readonly board: Board;
  readonly checked: number | undefined;
}

export function Status({ live, board, checked }: StatusProps) {
  const { connection, instance, roundTripMs, size } = live;
  const { tone, text } = connectionWording(live);
  const own = useTicking(board.claims !== undefined, () => summaryText(board, Date.now()));
  const people = connection.connected ? Math.max(connection.online, connection.onlineEverywhere) : 0;
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
      <Fact label="People here" name="online">
        {people > 0 ? formatCount(people) : UNKNOWN}
      </Fact>
      <Fact label="Checked" name="checked">
        {checked === undefined ? UNKNOWN : formatCount(checked)}
        {checked !== undefined && <span class="of">{` of ${formatCount(size)}`}</span>}
      </Fact>
      {own !== undefined && (
        <Fact label="Yours" name="own">
          {own}
        </Fact>
      )}
      <Fact label="Round trip" name="round-trip">
        {roundTripMs === undefined ? UNKNOWN : formatMs(roundTripMs)}
      </Fact>
    </dl>
  );
}

function Fact({ label, name, children }: { label: string; name: string; children: ComponentChildren }) {
  return (
    <div class="fact" data-fact={name}>
      <dt>{label}</dt>
      <dd data-testid={`status-${name}`}>{children}</dd>
    </div>
  );
}
