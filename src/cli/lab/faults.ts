/*
 * The buttons of the lab. Each makes a real fault: a signal to a process, a cut connection, a lost
 * message. Both sides get the same fault and the same clicks. After that, the lab only
 * watches.
 */

import { pause, realClock } from "../../protocol/clock.js";
import type { ActionName, LabOrder } from "../../protocol/lab.js";
import type { Lab } from "./lab.js";
import { CELLS, COUNT, PAGE_KEYS, type Side } from "./side.js";

/** Clicks that fall into a fault. */
const CLICKS = 5;
/** How long a browser is cut off. */
const CUT_MS = 1_500;
/** How long answers of Valkey take while a browser joins. */
const SLOW_MS = 900;
/** Time for clicks to reach an instance that hangs. */
const REACH_MS = 150;
const SETTLE_MS_MAX = 3_000;

type Fault = (lab: Lab, order: LabOrder & { readonly target: number }) => Promise<void>;

const FAULTS: Readonly<Record<ActionName, Fault>> = {
  click: async (lab, { target, cell, side }) => {
    if (!lab.trial) lab.begin("click", `Browser ${target} clicks a box.`);
    const box = cell ?? lab.takeCells(1)[0] ?? 0;
    const sides = side === undefined ? lab.sides : lab.sides.filter(({ name }) => name === side);
    // Its answer may take as long as a fault lasts.
    for (const each of sides) void each.click(target, box);
  },

  storm: async (lab) => {
    lab.begin("storm", `All browsers click at the same moment, each on different boxes: ${CELLS} clicks.`);
    for (const side of lab.sides) {
      const value = (side.stored ?? side.seats[0]?.browser.shown ?? "").split("1").length - 1 < CELLS / 2;
      for (let cell = 0; cell < CELLS; cell++) void side.click((cell % COUNT) + 1, cell, value);
    }
  },

  kill: async (lab, { target }) => {
    lab.begin("kill", `Instance ${target} is killed (SIGKILL) with ${CLICKS} clicks on their way.`);
    const cells = lab.takeCells(CLICKS);
    for (const side of lab.sides) {
      const part = side.parts[target - 1];
      part?.hang();
      clickThrough(side, target, cells);
    }
    await pause(realClock, REACH_MS);
    await Promise.all(lab.sides.map((side) => side.parts[target - 1]?.kill()));
  },

  start: async (lab, { target }) => {
    lab.says(`Instance ${target} is starting …`);
    await Promise.all(
      lab.sides.map(async (side) => {
        const part = side.parts[target - 1];
        if (part?.state === "down") await part.start();
        side.bringHome(target);
      }),
    );
  },

  hang: async (lab, { target }) => {
    lab.begin("hang", `Instance ${target} hangs (SIGSTOP), and ${CLICKS} clicks are sent to it.`);
    const cells = lab.takeCells(CLICKS);
    for (const side of lab.sides) {
      side.parts[target - 1]?.hang();
      clickThrough(side, target, cells);
    }
  },

  resume: async (lab, { target }) => {
    for (const side of lab.sides) {
      side.parts[target - 1]?.resume();
      side.bringHome(target);
    }
    if (lab.trial?.action === "hang") lab.trial.cured();
  },

  cut: async (lab, { target }) => {
    lab.begin("cut", `Browser ${target} is cut off for ${CUT_MS} ms, and ${CLICKS} boxes are clicked elsewhere.`);
    lab.says(`Browser ${target} is cut off …`);
    const cells = lab.takeCells(CLICKS);
    for (const side of lab.sides) {
      side.seats[target - 1]?.uplink.refuse();
      for (const cell of cells) void side.click(other(target), cell);
    }
    await pause(realClock, CUT_MS);
    for (const side of lab.sides) side.seats[target - 1]?.uplink.mend();
    lab.trial?.cured();
  },

  lose: async (lab, { target }) => {
    lab.begin("lose", `The next Pub/Sub message to instance ${target} is lost, and one box is clicked elsewhere.`);
    const [cell = 0] = lab.takeCells(1);
    for (const side of lab.sides) {
      const isOurs = side.kind === undefined;
      side.parts[target - 1]?.wire.loseNext((channel) => !isOurs || channel === PAGE_KEYS.channel);
      void side.click(other(target), cell);
    }
  },

  join: async (lab, { target }) => {
    lab.begin("join", `Browser ${target} opens the board, and a box is clicked while Valkey's answer is on its way.`);
    lab.says("Valkey's answers are slow …");
    const [cell = 0] = lab.takeCells(1);
    for (const side of lab.sides) {
      for (const { wire } of side.parts) wire.delay(SLOW_MS);
      await side.reload(target);
    }
    await pause(realClock, SLOW_MS / 2);
    for (const side of lab.sides) void side.click(other(target), cell);
    await pause(realClock, SLOW_MS);
    for (const { parts } of lab.sides) for (const { wire } of parts) wire.delay(0);
  },

  "hang-valkey": async (lab) => {
    const trial = lab.begin("hang-valkey", `Valkey hangs (SIGSTOP), and every browser clicks a box.`);
    trial.awaitsCure = true;
    lab.servers.primary.hang();
    clickEverywhere(lab);
  },

  "resume-valkey": async (lab) => {
    lab.servers.primary.resume();
    if (lab.trial?.action === "hang-valkey") lab.trial.cured();
  },

  "kill-valkey": async (lab) => {
    const trial = lab.begin("kill-valkey", `Valkey is killed (SIGKILL), and every browser clicks a box.`);
    trial.awaitsCure = true;
    await lab.servers.primary.kill();
    clickEverywhere(lab);
  },

  "start-valkey": async (lab) => {
    const { primary } = lab.servers;
    if (primary.state !== "down") return;
    lab.says("Valkey is starting …");
    await primary.start();
    if (lab.trial?.action === "kill-valkey") lab.trial.cured();
  },

  promote: promoteLagging,

  naive: async (lab, { kind }) => {
    // Its finding is about the servers that end now.
    lab.trial?.close(true);
    lab.says(
      kind === undefined || kind === "none" ? "The naive servers are stopping …" : "The naive servers are starting …",
    );
    await lab.setNaive(kind === "none" ? undefined : kind);
  },
};

/**
 *     primary   … │ clicks that the replica lacks, and that every browser has seen; then it dies
 *     replica   … │ as many other clicks, made after it was promoted
 *
 * Instance 1 is the last to connect again, so that it finds the version that it holds, with another
 * tag.
 */
async function promoteLagging(lab: Lab): Promise<void> {
  const { servers } = lab;
  const { primary, replica, replication } = servers;
  if (primary.state !== "up" || replica.state !== "up" || !replica.isLinked) {
    throw new Error("the replica must be connected to its primary first");
  }
  lab.begin("promote", `The primary dies with ${CLICKS} clicks that its replica lacks, and the replica takes over.`);
  lab.says("Replication is cut, and boxes are clicked …");
  replication.refuse();
  const [before, after] = [lab.takeCells(CLICKS), lab.takeCells(CLICKS)];
  // One after the other, so that each gets a version of its own.
  const clickAll = (browser: number, cells: readonly number[]) =>
    soon(
      Promise.all(
        lab.sides.map(async (side) => {
          for (const cell of cells) await side.click(browser, cell);
        }),
      ),
    );
  await clickAll(1, before);
  lab.says("The primary dies, and the replica takes over …");
  const late = lab.sides.flatMap(({ parts }) => parts.slice(0, 1).map(({ wire }) => wire));
  for (const wire of late) wire.refuse();
  await primary.kill();
  await servers.promote();
  await clickAll(2, after);
  for (const wire of late) wire.mend();
  lab.trial?.cured();
  lab.saw(
    `The ${CLICKS} clicks that only the old primary had are lost. ` +
      "With DURABILITY=replicated:1, an instance acknowledges a click only when a replica has it.",
  );
  lab.says("The old primary comes back as a replica …");
  replication.mend();
  await primary.start(replication.port);
}

/** Carries out one order. Rejects if it cannot be. */
export function carryOut(lab: Lab, order: LabOrder): Promise<void> {
  return FAULTS[order.action](lab, { ...order, target: order.target ?? 1 });
}

/** At the browsers of an instance that hangs or is about to end. */
function clickThrough(side: Side, instance: number, cells: readonly number[]): void {
  const browsers = side.browsersOf(instance);
  for (const [index, cell] of cells.entries()) {
    const browser = browsers[index % browsers.length];
    if (browser !== undefined) void side.click(browser, cell);
  }
}

function clickEverywhere(lab: Lab): void {
  const cells = lab.takeCells(COUNT);
  for (const side of lab.sides) for (const [index, cell] of cells.entries()) void side.click(index + 1, cell);
}

function other(number: number): number {
  return (number % COUNT) + 1;
}

/** A naive server may never answer. */
async function soon(promise: Promise<unknown>): Promise<void> {
  await Promise.race([promise, pause(realClock, SETTLE_MS_MAX)]);
}
