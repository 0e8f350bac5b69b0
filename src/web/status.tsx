/*
 * The status facts in the header.
 *
 * A browser that translates the app replaces its texts with elements of its own and never shows
 * later changes to the old ones. So every changing text is inside an element with `translate="no"`.
 */

import type { ComponentChildren } from "preact";
import { formatCount } from "../protocol/count.js";
import type { Live } from "./live.js";
import { connectionWording, formatMs } from "./wording.js";

const UNKNOWN = "–";

export function Status({ live, checked }: { live: Live; checked: number | undefined }) {
  const { connection, instance, roundTripMs, size } = live;
  const { tone, text } = connectionWording(live);
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
