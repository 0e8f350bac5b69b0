/* Step 4: Pub/Sub loses messages, because its connection breaks or without any error. */

import { countOf } from "../../../src/protocol/count.js";
import { FaultyStore } from "../../../test/support/faulty-store.js";
import { until } from "../../../test/support/until.js";
import { start as startBitmap } from "../naive/bitmap.js";
import { countChecked, libraryPerson, type Person, plainPerson, range } from "../person.js";
import { msUntil, type Stage } from "../stage.js";
import type { Lesson, Outcome } from "../step.js";

const CELLS = 100;
const CLICKS = 10;
/** The promise "Self-healing" in docs/guarantees.md allows 2 s. */
const LOOK_MS = 3_000;
/** One click that is lost without an error, and one more that arrives. */
const [LOST, NEXT] = [50, 60];

export const positions: Lesson = {
  title: "Positions",
  scene: `Pub/Sub delivers at most once. An instance is cut off from Valkey while ${CLICKS} boxes are clicked elsewhere; later one more message is lost without any error.`,
  run: async (stage) => {
    stage.tell("two naive instances, one of them behind a link that breaks …");
    const naive = await play(stage, openNaive);
    stage.tell("two instances of SocketScaler, one of them behind such a link …");
    const ours = await play(stage, openOurs);
    return judge(naive, ours);
  },
  exercise: {
    naive: "bitmap",
    task: `notice what was missed, and repair it within three seconds.
Keep \`lose\` in \`subscribe\`: with it the scene loses a message. Number the changes, compare the
number of each message with the one that you expect, and compare with Valkey if nothing arrives.
The event "state" sends all clients the whole board.`,
  },
};

/** An instance that loses messages, and a person who uses it. */
interface Forgetful {
  readonly person: Person;
  loseMessages(isLosing: boolean): void;
}

type Open = (stage: Stage, valkeyUrl: string) => Promise<Forgetful>;

const openNaive: Open = async (stage, valkeyUrl) => {
  const { url, bitmap } = await stage.open(startBitmap, valkeyUrl, CELLS);
  const person = await plainPerson(stage, url, CELLS, true);
  const loseMessages = (isLosing: boolean) => {
    bitmap.lose = () => isLosing;
  };
  return { person, loseMessages };
};

const openOurs: Open = async (stage, valkeyUrl) => {
  const { store, instance } = await stage.oursBehind((real) => new FaultyStore(real), valkeyUrl, CELLS);
  const person = await libraryPerson(stage, instance.url);
  const loseMessages = (isLosing: boolean) => {
    store.lose = () => isLosing;
  };
  return { person, loseMessages };
};

interface Repair {
  /** Boxes that were missed while the link was down and are shown later. */
  readonly repaired: number;
  readonly repairMs: number | undefined;
  /** Time until the single lost message is shown, without other traffic. */
  readonly silentMs: number | undefined;
  /** Wrong boxes at the end, after another message has arrived. */
  readonly wrong: number;
}

async function play(stage: Stage, open: Open): Promise<Repair> {
  const valkey = await stage.valkey();
  const link = await stage.link(valkey);
  const { person, loseMessages } = await open(stage, `valkey://127.0.0.1:${link.port}`);
  const { person: other } = await open(stage, valkey.url);
  const clicked = () => countChecked(person.shows(), 0, CLICKS);

  link.refuse();
  for (const cell of range(0, CLICKS)) await other.click(cell);
  link.heal();
  const repairMs = await msUntil(() => clicked() === CLICKS, LOOK_MS);

  // The link is up again when a message comes through it.
  let sent = CLICKS;
  await until("messages arrive again", async () => {
    const cell = sent++;
    await other.click(cell);
    return (await msUntil(() => person.shows()[cell] === "1", 100)) !== undefined;
  });
  loseMessages(true);
  await other.click(LOST);
  const silentMs = await msUntil(() => person.shows()[LOST] === "1", LOOK_MS);
  loseMessages(false);
  await other.click(NEXT);
  await until("the next click is shown", () => person.shows()[NEXT] === "1");
  const [shown, right] = [person.shows(), other.shows()];
  const wrong = range(0, CELLS).filter((cell) => shown[cell] !== right[cell]).length;
  return { repaired: clicked(), repairMs, silentMs, wrong };
}

function faultOf({ wrong, repaired, silentMs }: Repair): string | undefined {
  if (wrong > 0) return `${countOf(wrong, "box stays", "boxes stay")} wrong, and nobody knows`;
  return repaired < CLICKS || silentMs === undefined ? "a screen became right only after later clicks" : undefined;
}

function judge(naive: Repair, ours: Repair): Outcome {
  const row = (what: string, show: (repair: Repair) => string) => ({ what, naive: show(naive), ours: show(ours) });
  const time = (ms: number | undefined) => (ms === undefined ? `not within ${LOOK_MS} ms` : `${ms.toFixed(0)} ms`);
  return {
    rows: [
      row("clicks made while the link was down, shown later", ({ repaired }) => `${repaired} of ${CLICKS}`),
      row("… time until all of them are shown", ({ repairMs }) => time(repairMs)),
      row("one message lost, no other clicks: shown after", ({ silentMs }) => time(silentMs)),
      row("wrong boxes at the end, after more clicks", ({ wrong }) => String(wrong)),
    ],
    naiveFault: faultOf(naive),
    ourFault: ours.wrong > 0 || ours.silentMs === undefined ? "a lost message was not repaired" : undefined,
  };
}
