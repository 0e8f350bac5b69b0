/*
 * Step 6: an instance dies with unanswered clicks, and Valkey's primary dies with clicks that its
 * replica lacks. Nothing is left to chance. The instance hangs (SIGSTOP) before the clicks and is
 * killed (SIGKILL) after them. The link from primary to replica is cut before the last clicks.
 */

import type { System } from "../../../bench/load/system.js";
import { Link } from "../../../test/support/link.js";
import { ask } from "../../../test/support/resp.js";
import { until } from "../../../test/support/until.js";
import { start as startVersionNumber } from "../naive/version-number.js";
import { countChecked, libraryPerson, type Person, plainPerson, range } from "../person.js";
import { msUntil, type Stage } from "../stage.js";
import type { Lesson, Outcome } from "../step.js";
import { naiveSystem, ourSystem } from "../systems.js";

const CELLS = 100;
const CLICKS = 10;
const LOOK_MS = 3_000;

export const failover: Lesson = {
  title: "Failover",
  scene: `An instance hangs while ${CLICKS} clicks are sent to it, and is then killed. Later, Valkey's primary is killed while it holds ${CLICKS} clicks that its replica lacks.`,
  run: async (stage) => {
    if (stage.exercise) return judgeForks(...(await forks(stage)));
    stage.tell("two naive instances behind a balancer; one of them is killed …");
    const naive = await killInstance(stage, naiveSystem(), (url) => plainPerson(stage, url, CELLS, true));
    stage.tell("the same with SocketScaler …");
    const ours = await killInstance(stage, ourSystem(CELLS), (url) => libraryPerson(stage, url));
    const [naiveFork, oursFork] = await forks(stage);
    return judge({ ...naive, ...naiveFork }, { ...ours, ...oursFork });
  },
  exercise: {
    naive: "version-number",
    task: `show the history that survived, after a failover to a replica that lacked the last changes.
Two histories may use the same version. Give each change something that tells them apart.
Only the second half of the step is played: clients that do not send again cannot pass the first.`,
  },
};

/** The death of the primary, for the naive version and for ours. */
async function forks(stage: Stage): Promise<[naive: Fork, ours: Fork]> {
  stage.tell("a primary with a replica, and naive instances that count versions; the primary is killed …");
  const naive = await killPrimary(stage, async (url) => {
    const instance = await stage.open(startVersionNumber, url, CELLS);
    return plainPerson(stage, instance.url, CELLS, true);
  });
  stage.tell("the same with SocketScaler …");
  const ours = await killPrimary(stage, async (url) => libraryPerson(stage, (await stage.ours(url, CELLS)).url));
  return [naive, ours];
}

interface Takeover {
  /** Clicks made while the instance hung that are in the store at the end. */
  readonly kept: number;
  /** Time from the kill until the screen shows what Valkey has. */
  readonly backMs: number | undefined;
}

/** Ann connects through a balancer to the first instance and, after the kill, to Ben's. */
async function killInstance(stage: Stage, system: System, sit: (url: string) => Promise<Person>): Promise<Takeover> {
  const valkey = await stage.valkey();
  const [victim, survivor] = await Promise.all([0, 1].map(() => stage.process(system, valkey, CELLS)));
  if (!victim || !survivor) throw new Error("no instances");
  const balancer = await Link.open([victim.url, survivor.url]);
  stage.after(() => balancer.close());
  const ann = await sit(balancer.url);
  const ben = await sit(survivor.url);

  process.kill(victim.pid, "SIGSTOP");
  let settled = 0;
  for (const cell of range(0, CLICKS))
    ann
      .click(cell)
      .finally(() => settled++)
      .catch(() => undefined);
  for (const cell of range(CLICKS, CLICKS)) await ben.click(cell);
  await victim.stop();
  await until("Ann's client has noticed", () => ann.losses() > 0);
  const backMs = await msUntil(() => ann.isOnline() && ann.shows() === ben.shows() && isDone(ben), LOOK_MS);
  await msUntil(() => settled === CLICKS, LOOK_MS);
  const stored = await system.stored(valkey, survivor.url, CELLS);
  return { kept: range(0, CLICKS).filter(stored).length, backMs };
}

/** Ben's screen shows Ben's clicks. */
function isDone(ben: Person): boolean {
  return countChecked(ben.shows(), CLICKS, CLICKS) === CLICKS;
}

interface Fork {
  /** Boxes that Ann and Ben see differently on the new primary, before and after one more click. */
  readonly wrong: number;
  readonly wrongLater: number;
}

/**
 *     primary   … 10 │ clicks of Ann, whose instance sees them; then the primary dies
 *     replica   … 10 │ as many clicks of Ben, made after it was promoted
 */
async function killPrimary(stage: Stage, sit: (valkeyUrl: string) => Promise<Person>): Promise<Fork> {
  const [primary, replica] = [await stage.valkey(), await stage.valkey()];
  const [replication, address] = [await stage.link(primary), await stage.link(primary)];
  await ask(replica.port, "REPLICAOF", "127.0.0.1", replication.port);
  const ann = await sit(`valkey://127.0.0.1:${address.port}`);
  for (const cell of range(0, CLICKS)) await ann.click(cell);
  await until("the replica has all clicks so far", () => isLevel(primary.port, replica.port));

  replication.refuse();
  for (const cell of range(CLICKS, CLICKS)) await ann.click(cell);
  await until("Ann sees her clicks", () => countChecked(ann.shows(), 0, 2 * CLICKS) === 2 * CLICKS);
  address.refuse();
  await primary.kill();
  await ask(replica.port, "REPLICAOF", "NO", "ONE");
  const ben = await sit(replica.url);
  for (const cell of range(2 * CLICKS, CLICKS)) await ben.click(cell);
  await until("Ben's screen shows Ben's clicks", () => countChecked(ben.shows(), 2 * CLICKS, CLICKS) === CLICKS);

  // The address of the primary now leads to the promoted replica.
  address.moveTo(replica.port);
  address.heal();
  await msUntil(() => difference(ann, ben) === 0, LOOK_MS);
  const wrong = difference(ann, ben);
  let next = 3 * CLICKS;
  await until("Ann receives changes again", async () => {
    const cell = next++;
    await ben.click(cell);
    return (await msUntil(() => ann.shows()[cell] === "1", 200)) !== undefined;
  });
  await msUntil(() => difference(ann, ben) === 0, 1_000);
  return { wrong, wrongLater: difference(ann, ben) };
}

async function isLevel(primary: number, replica: number): Promise<boolean> {
  const [from = "", to = ""] = await Promise.all(
    [primary, replica].map(async (port) => String(await ask(port, "INFO", "replication"))),
  );
  const sent = /^master_repl_offset:(\d+)/m.exec(from)?.[1];
  return to.includes("master_link_status:up") && sent === /^slave_repl_offset:(\d+)/m.exec(to)?.[1];
}

function difference(one: Person, other: Person): number {
  const [shown, right] = [one.shows(), other.shows()];
  return range(0, CELLS).filter((cell) => shown[cell] !== right[cell]).length;
}

function judgeForks(naive: Fork, ours: Fork): Outcome {
  const row = (what: string, read: (fork: Fork) => number) => ({
    what,
    naive: String(read(naive)),
    ours: String(read(ours)),
  });
  const faultOf = ({ wrong, wrongLater }: Fork) =>
    wrong + wrongLater === 0 ? undefined : "the screen stays on a history that no longer exists";
  return {
    rows: [
      row("primary killed: wrong boxes on the screen", ({ wrong }) => wrong),
      row("… and after the next click", ({ wrongLater }) => wrongLater),
    ],
    naiveFault: faultOf(naive),
    ourFault: faultOf(ours),
  };
}

function judge(naive: Takeover & Fork, ours: Takeover & Fork): Outcome {
  type Side = Takeover & Fork;
  const row = (what: string, show: (side: Side) => string) => ({ what, naive: show(naive), ours: show(ours) });
  const isRight = ({ kept, backMs, wrong, wrongLater }: Side) =>
    kept === CLICKS && backMs !== undefined && wrong + wrongLater === 0;
  return {
    rows: [
      row("instance killed: unanswered clicks that are kept", ({ kept }) => `${kept} of ${CLICKS}`),
      row("… time until the screen shows what Valkey has", ({ backMs }) =>
        backMs === undefined ? `not within ${LOOK_MS} ms` : `${backMs.toFixed(0)} ms`,
      ),
      ...judgeForks(naive, ours).rows,
    ],
    naiveFault: isRight(naive)
      ? undefined
      : "clicks are lost with the instance, and the screen stays on a history that no longer exists",
    ourFault: isRight(ours) ? undefined : "a click was lost, or a screen stayed wrong",
  };
}
