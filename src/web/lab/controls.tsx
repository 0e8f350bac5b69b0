/* The buttons of the lab. Each names what it does to which part now. */

import type { LabOrder, LabView, NaiveKind } from "../../protocol/lab.js";
import { Press } from "./press.js";

export const NAIVE_NAMES: Readonly<Record<NaiveKind, string>> = {
  island: "a board in each process",
  "json-array": "one JSON array",
  bitmap: "SETBIT and PUBLISH",
  "version-number": "version numbers",
};
const KINDS = Object.keys(NAIVE_NAMES) as NaiveKind[];

interface Props {
  readonly view: LabView;
  readonly chosen: number;
  readonly onChoose: (number: number) => void;
  readonly order: (order: LabOrder) => void;
}

interface Button {
  readonly label: string;
  readonly order: LabOrder;
  /** Why it cannot be pressed now. */
  readonly not?: string | false | undefined;
}

export function Controls({ view, chosen, onChoose, order }: Props) {
  const groups = groupsFor(view, chosen);
  const isBusy = view.busy !== undefined;
  const kind = view.naive?.kind ?? "none";
  return (
    <section class="controls" aria-label="Faults">
      <div class="chooser" role="radiogroup" aria-label="Number of the instance or browser">
        <span>Instance and browser</span>
        {view.ours.instances.map(({ number }) => (
          <label key={number}>
            <input type="radio" name="target" checked={number === chosen} onChange={() => onChoose(number)} />
            {number}
          </label>
        ))}
      </div>
      {Object.entries(groups).map(([name, buttons]) => (
        <Group
          key={name}
          name={name}
          buttons={buttons}
          isBusy={isBusy}
          press={(what) => order({ target: chosen, ...what })}
        />
      ))}
      <label class="naive">
        Naive version for comparison
        <select
          value={kind}
          aria-disabled={isBusy}
          aria-describedby={isBusy ? "lab-status" : undefined}
          data-testid="lab-naive"
          onChange={({ currentTarget }) => {
            if (isBusy) currentTarget.value = kind;
            else order({ action: "naive", kind: currentTarget.value as NaiveKind | "none" });
          }}
        >
          <option value="none">none</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {NAIVE_NAMES[kind]}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

interface GroupProps {
  readonly name: string;
  readonly buttons: readonly Button[];
  readonly isBusy: boolean;
  readonly press: (order: LabOrder) => void;
}

function Group({ name, buttons, isBusy, press }: GroupProps) {
  const whyId = `why-${name}`;
  const reasons = Array.from(new Set(buttons.flatMap(({ not }) => not || [])));
  return (
    <fieldset>
      <legend>{name}</legend>
      {buttons.map(({ label, order, not }) => (
        <Press
          key={order.action}
          name={order.action}
          isOff={Boolean(not) || isBusy}
          reason={not ? whyId : "lab-status"}
          onPress={() => press(order)}
        >
          {label}
        </Press>
      ))}
      {reasons.length > 0 && (
        <p class="hint" id={whyId}>
          Not now: {reasons.join(", ")}.
        </p>
      )}
    </fieldset>
  );
}

function groupsFor({ ours, naive, servers }: LabView, chosen: number): Readonly<Record<string, readonly Button[]>> {
  const state = ours.instances.find(({ number }) => number === chosen)?.state;
  // A naive server may end by itself.
  const isDown = [ours, naive].some((side) => side?.instances[chosen - 1]?.state === "down");
  const primary = servers.find(({ role }) => role === "primary");
  const replica = servers.find(({ role }) => role === "replica");
  const instanceDown = state !== "up" && `instance ${chosen} is not running`;
  const valkeyDown = primary?.state !== "up" && "Valkey is not running";
  const noReplica = !replica?.isLinked && "the replica is not connected to its primary";
  return {
    Clicks: [
      { label: "Click a box", order: { action: "click" } },
      { label: "Storm of clicks", order: { action: "storm" } },
    ],
    Instance: [
      isDown
        ? { label: `Start instance ${chosen} again`, order: { action: "start" } }
        : { label: `Kill instance ${chosen}`, order: { action: "kill" } },
      state === "hung"
        ? { label: `Let instance ${chosen} continue`, order: { action: "resume" } }
        : { label: `Hang instance ${chosen}`, order: { action: "hang" }, not: instanceDown },
      { label: "Lose its next message", order: { action: "lose" }, not: instanceDown || valkeyDown },
    ],
    Browser: [
      { label: `Cut browser ${chosen} off`, order: { action: "cut" } },
      { label: "Let it join during a click", order: { action: "join" }, not: valkeyDown },
    ],
    Valkey: [
      primary?.state === "hung"
        ? { label: "Let Valkey continue", order: { action: "resume-valkey" } }
        : { label: "Hang Valkey", order: { action: "hang-valkey" }, not: valkeyDown },
      primary?.state === "down"
        ? { label: "Bring Valkey back", order: { action: "start-valkey" } }
        : { label: "Kill Valkey", order: { action: "kill-valkey" }, not: valkeyDown },
      { label: "Promote a replica that lags", order: { action: "promote" }, not: valkeyDown || noReplica },
    ],
  };
}
