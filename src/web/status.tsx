/*
 * How things stand, in the header: connection, instance, people, checked cells, the last round trip.
 *
 * A browser that translates the page puts other elements in place of its texts, and what is set on the old ones is never
 * seen again. So here, and wherever a text changes while the page is open, it stands below a `translate="no"`.
 */

import type { ComponentChildren } from "preact";
import type { Live } from "./live.js";
import { connectionWording, formatCount, formatMs } from "./wording.js";

export interface StatusProps {
  readonly live: Live;
  /** Cells of those shown that are checked; undefined until it is known. */
  readonly checked: number | undefined;
  readonly shown: number;
}

const UNKNOWN = "–";

export function Status({ live, checked, shown }: StatusProps) {
  const { connection, instance, roundTripMs, size } = live;
  const { tone, text } = connectionWording(live);
  const isWhole = shown === size;
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
      <Fact label="Online here" name="online">
        {connection.connected && connection.online > 0 ? formatCount(connection.online) : UNKNOWN}
        {connection.connected && connection.onlineEverywhere > 0 && (
          <span class="of">{` of ${formatCount(connection.onlineEverywhere)}`}</span>
        )}
      </Fact>
      <Fact label={isWhole ? "Checked" : "Checked in view"} name="checked">
        {checked === undefined ? UNKNOWN : formatCount(checked)}
        {checked !== undefined && <span class="of">{` of ${formatCount(shown)}`}</span>}
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
