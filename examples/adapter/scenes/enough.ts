/* A scene in which the adapter does all that is needed. */

import { TcpProxy } from "../../../test/support/tcp-proxy.js";
import { until } from "../../../test/support/until.js";
import { msUntil } from "../../tutorial/stage.js";
import type { Step } from "../../tutorial/step.js";
import { differences } from "../screen.js";
import { adapterSide, type OpenSide, ourSide } from "../sides.js";

const CLICKS = 20;
const LOOK_MS = 3_000;

export const enough: Step = {
  title: "Where the adapter is enough",
  scene: `Ann and Ben check ${CLICKS} different boxes at the same moment, through two servers. Then Ann's connection breaks, Ben checks one more, and Ann returns.`,
  other: "adapter",
  run: async (stage) => {
    const play = async (open: OpenSide) => {
      const side = await open(stage);
      const toServer = await TcpProxy.start(side.one.port);
      stage.after(() => toServer.close());
      const [ann, ben] = [await side.one.screen(toServer.port), await side.two.screen()];
      const clicks = Array.from({ length: CLICKS }, (_, cell) => (cell % 2 === 0 ? ann : ben).set(cell, true));
      await Promise.all(clicks);
      toServer.refuse();
      await ben.set(CLICKS, true);
      toServer.heal();
      await until("Ann sees the last click", () => ann.shows()[CLICKS] === "1");
      const stored = await side.stored();
      const wrong = () => differences(ann.shows(), stored) + differences(ben.shows(), stored);
      await msUntil(() => wrong() === 0, LOOK_MS);
      return wrong();
    };
    const [adapter, ours] = [await play(adapterSide), await play(ourSide)];
    return {
      rows: [{ what: "wrong boxes on a screen at the end", naive: String(adapter), ours: String(ours) }],
      naiveFault: adapter > 0 ? "a screen is wrong" : undefined,
      ourFault: ours > 0 ? "a screen is wrong" : undefined,
    };
  },
};
