/* Somebody clicks while the board is on its way to a newcomer, who is already listening. */

import { until } from "../../../test/support/until.js";
import { msUntil, type Stage } from "../../tutorial/stage.js";
import type { Step } from "../../tutorial/step.js";
import { playOurs } from "../../tutorial/steps/join-race.js";
import { startBoardServer } from "../board-server.js";
import { adapterScreen, type Screen } from "../screen.js";
import { CELLS } from "../sides.js";

/** Time for a screen to become right. */
const GRACE_MS = 1_000;

export const join: Step = {
  title: "A newcomer",
  scene:
    "Newcomers open the board one by one. They listen before the server reads the board. While the board is on its way to one of them, somebody checks a box.",
  other: "adapter",
  run: async (stage) => {
    const newcomers = stage.isQuick ? 3 : 20;
    const adapter = await playAdapter(stage, newcomers);
    const ours = await playOurs(stage, newcomers);
    return {
      rows: [
        {
          what: `screens that lack the click after ${GRACE_MS} ms`,
          naive: `${adapter} of ${newcomers}`,
          ours: `${ours.later} of ${newcomers}`,
        },
      ],
      naiveFault: adapter > 0 ? "the older board overwrites the newer change" : undefined,
      ourFault: ours.later > 0 ? "a newcomer lacks a click" : undefined,
    };
  },
};

async function playAdapter(stage: Stage, newcomers: number): Promise<number> {
  const valkey = await stage.valkey();
  const here = await stage.naive(startBoardServer(valkey.url, CELLS));
  const elsewhere = await stage.naive(startBoardServer(valkey.url, CELLS));
  const witness = await adapterScreen(stage, here.url, CELLS);
  const clicker = await adapterScreen(stage, elsewhere.url, CELLS);
  const screens: Screen[] = [];
  for (let cell = 0; cell < newcomers; cell++) {
    here.answered = async () => {
      await clicker.set(cell, true);
      await until("the message has arrived", () => witness.shows()[cell] === "1");
    };
    screens.push(await adapterScreen(stage, here.url, CELLS));
  }
  const isWrong = (screen: Screen, cell: number) => screen.shows()[cell] !== "1";
  await msUntil(() => !screens.some(isWrong), GRACE_MS);
  return screens.filter(isWrong).length;
}
