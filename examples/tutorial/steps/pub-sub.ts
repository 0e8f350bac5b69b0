/* Step 1: one instance, then two that must show one board. */

import { start as startIsland } from "../naive/island.js";
import { countChecked, type Person, plainPerson, range } from "../person.js";
import { msUntil, type Stage } from "../stage.js";
import type { Lesson, Outcome } from "../step.js";

const CELLS = 100;
const CLICKS = 20;
const LOOK_MS = 2_000;

export const pubSub: Lesson = {
  title: "One instance, then two",
  scene: `Ann clicks ${CLICKS} boxes. Ben is connected to the same instance, Cleo to another one.`,
  run: async (stage) => {
    const valkey = await stage.valkey();
    const open = () => stage.open(startIsland, valkey.url, CELLS);
    stage.tell("two naive instances, each with its board in memory …");
    const naive = await play(stage, [await open(), await open()]);
    stage.tell("a Valkey, and two instances of SocketScaler …");
    const ours = await play(stage, [await stage.ours(valkey.url, CELLS), await stage.ours(valkey.url, CELLS)]);
    return judge(naive, ours);
  },
  exercise: {
    naive: "island",
    task: `make two instances show one board.
Keep the state in Valkey and announce each change with PUBLISH. The clients must not change.`,
  },
};

interface Seen {
  readonly ben: number;
  readonly cleo: number;
  readonly cleoMs: number | undefined;
  readonly hasOneState: boolean;
}

async function play(stage: Stage, instances: readonly { readonly url: string }[]): Promise<Seen> {
  const [first = "", second = ""] = instances.map(({ url }) => url);
  const [ann, ben, cleo] = await Promise.all([first, first, second].map((url) => plainPerson(stage, url, CELLS)));
  if (!ann || !ben || !cleo) throw new Error("nobody connected");
  const count = (person: Person) => countChecked(person.shows(), 0, CLICKS);
  await Promise.all(range(0, CLICKS).map((cell) => ann.click(cell)));
  const [, cleoMs] = await Promise.all([ben, cleo].map((person) => msUntil(() => count(person) === CLICKS, LOOK_MS)));
  const [here, there] = await Promise.all([first, second].map(async (url) => (await fetch(`${url}/state`)).text()));
  return { ben: count(ben), cleo: count(cleo), cleoMs, hasOneState: here === there };
}

function judge(naive: Seen, ours: Seen): Outcome {
  const row = (what: string, show: (seen: Seen) => string) => ({ what, naive: show(naive), ours: show(ours) });
  const isRight = ({ ben, cleo, hasOneState }: Seen) => ben === CLICKS && cleo === CLICKS && hasOneState;
  return {
    rows: [
      row("clicks that Ben sees, on the same instance", ({ ben }) => `${ben} of ${CLICKS}`),
      row("clicks that Cleo sees, on the other", ({ cleo }) => `${cleo} of ${CLICKS}`),
      row("… time after the last acknowledgement", ({ cleoMs }) =>
        cleoMs === undefined ? `not within ${LOOK_MS} ms` : `${cleoMs.toFixed(0)} ms`,
      ),
      row("GET /state is the same on both", ({ hasOneState }) => (hasOneState ? "yes" : "no")),
    ],
    naiveFault: isRight(naive) ? undefined : "two instances are two boards",
    ourFault: isRight(ours) ? undefined : "the two instances do not show one board",
  };
}
