/* The connection between a server and Valkey is interrupted for a moment while others click. */

import { until } from "../../../test/support/until.js";
import { msUntil } from "../../tutorial/stage.js";
import type { Step } from "../../tutorial/step.js";
import { differences } from "../screen.js";
import { adapterSide, type OpenSide, ourSide } from "../sides.js";

const CLICKS = 10;
const LOOK_MS = 3_000;

export const link: Step = {
  title: "A server misses messages",
  scene: `The connection between Ann's server and Valkey is interrupted. Meanwhile Ben checks ${CLICKS} boxes through another server. Ann's own connection never breaks.`,
  other: "adapter",
  run: async (stage) => {
    const play = async (open: OpenSide) => {
      const side = await open(stage);
      const [ann, ben] = [await side.one.screen(), await side.two.screen()];
      side.link.refuse();
      for (let cell = 0; cell < CLICKS; cell++) await ben.set(cell, true);
      side.link.heal();
      // Messages pass again when one more click arrives.
      let next = CLICKS;
      await until("messages arrive again", async () => {
        const cell = next++;
        await ben.set(cell, true);
        return (await msUntil(() => ann.shows()[cell] === "1", 100)) !== undefined;
      });
      const missed = () => differences(ann.shows(), ben.shows());
      const ms = await msUntil(() => missed() === 0, LOOK_MS);
      return { missed: missed(), ms };
    };
    const [adapter, ours] = [await play(adapterSide), await play(ourSide)];
    const time = ({ ms }: { ms: number | undefined }) =>
      ms === undefined ? `not within ${LOOK_MS} ms` : `${ms.toFixed(0)} ms`;
    return {
      rows: [
        { what: "wrong boxes on Ann's screen", naive: String(adapter.missed), ours: String(ours.missed) },
        { what: "time until Ann's screen is right, once messages pass again", naive: time(adapter), ours: time(ours) },
      ],
      naiveFault: adapter.missed > 0 ? "Pub/Sub does not keep messages, and nobody notices" : undefined,
      ourFault: ours.missed > 0 ? "a missed message was not repaired" : undefined,
    };
  },
};
