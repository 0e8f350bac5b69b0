/* Step 2: many people click at the same moment, each on a different box. */

import { countOf } from "../../../src/protocol/count.js";
import { start as startJsonArray } from "../naive/json-array.js";
import { countChecked, plainPerson, range } from "../person.js";
import { msUntil, type Stage } from "../stage.js";
import type { Lesson, Outcome } from "../step.js";

const INSTANCES = 4;
const HEARD_MS_MAX = 5_000;
const WRONG = "a click was lost, or a screen is wrong";

export const lostUpdate: Lesson = {
  title: "The lost update",
  scene: `People click at the same moment, each on a different box, through ${INSTANCES} instances.`,
  run: async (stage) => {
    const people = stage.isQuick ? 40 : 100;
    const valkeys = [await stage.valkey(), await stage.valkey()];
    const open = (start: (url: string) => Promise<{ url: string }>, index: number) =>
      Promise.all(range(0, INSTANCES).map(() => start(valkeys[index]?.url ?? "")));
    stage.tell(`${people} people and ${INSTANCES} naive instances …`);
    const naive = await play(stage, people, await open((url) => stage.open(startJsonArray, url, people), 0));
    stage.tell(`${people} people and ${INSTANCES} instances of SocketScaler …`);
    const ours = await play(stage, people, await open((url) => stage.ours(url, people), 1));
    return judge(people, naive, ours);
  },
  exercise: {
    naive: "json-array",
    task: `keep all clicks of people who click at the same moment.
Read and change the state in one step, at the place where it is. GET /state must show it.`,
  },
};

interface Kept {
  readonly acknowledged: number;
  /** Boxes that are checked in Valkey at the end. */
  readonly stored: number;
  /** Screens that show the stored board. */
  readonly right: number;
}

async function play(stage: Stage, count: number, instances: readonly { readonly url: string }[]): Promise<Kept> {
  const urls = instances.map(({ url }) => url);
  const people = await Promise.all(
    range(0, count).map((index) => plainPerson(stage, urls[index % urls.length] ?? "", count)),
  );
  const clicks = await Promise.allSettled(people.map((person, cell) => person.click(cell)));
  // Each screen receives each click, whatever is stored.
  await msUntil(() => people.every((person) => countChecked(person.shows(), 0, count) === count), HEARD_MS_MAX);
  const { state }: { state: boolean[] } = await (await fetch(`${urls[0]}/state`)).json();
  const stored = state.map(Number).join("");
  return {
    acknowledged: clicks.filter(({ status }) => status === "fulfilled").length,
    stored: countChecked(stored, 0, count),
    right: people.filter((person) => person.shows() === stored).length,
  };
}

function faultOf({ acknowledged, stored }: Kept): string {
  const lost = acknowledged - stored;
  if (lost <= 0) return WRONG;
  return `${countOf(lost, "acknowledged click was", "acknowledged clicks were")} lost`;
}

function judge(count: number, naive: Kept, ours: Kept): Outcome {
  const row = (what: string, read: (kept: Kept) => number) => ({
    what,
    naive: `${read(naive)} of ${count}`,
    ours: `${read(ours)} of ${count}`,
  });
  const isRight = ({ stored, right }: Kept) => stored === count && right === count;
  return {
    rows: [
      row("clicks acknowledged", ({ acknowledged }) => acknowledged),
      row("boxes checked in Valkey at the end", ({ stored }) => stored),
      row("screens that show what Valkey has", ({ right }) => right),
    ],
    naiveFault: isRight(naive) ? undefined : faultOf(naive),
    ourFault: isRight(ours) ? undefined : WRONG,
  };
}
