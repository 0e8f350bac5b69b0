/* An acknowledgement is lost. Before the client sends its change again, somebody changes the box. */

import { TcpProxy } from "../../../test/support/tcp-proxy.js";
import { until } from "../../../test/support/until.js";
import type { Step } from "../../tutorial/step.js";
import { adapterSide, type OpenSide, ourSide } from "../sides.js";

const BOX = 7;

export const retry: Step = {
  title: "A retry",
  scene:
    "Ann checks a box, and her connection breaks before the answer arrives. Ben unchecks the box. Then Ann's client sends her change again.",
  other: "adapter",
  run: async (stage) => {
    const play = async (open: OpenSide) => {
      const side = await open(stage);
      const toServer = await TcpProxy.start(side.one.port);
      stage.after(() => toServer.close());
      const [ann, ben] = [await side.one.screen(toServer.port), await side.two.screen()];
      side.one.onChange(async () => {
        toServer.refuse();
        await until("Ben sees the box checked", () => ben.shows()[BOX] === "1");
        await ben.set(BOX, false);
        toServer.heal();
      });
      // Resolves when the change is acknowledged after it was sent again.
      await ann.set(BOX, true);
      return (await side.stored())[BOX] === "1";
    };
    const [adapter, ours] = [await play(adapterSide), await play(ourSide)];
    const box = (isChecked: boolean) => (isChecked ? "checked" : "unchecked, as Ben left it");
    return {
      rows: [{ what: "the box at the end", naive: box(adapter), ours: box(ours) }],
      naiveFault: adapter ? "the retry undoes Ben's later change" : undefined,
      ourFault: ours ? "a retry took effect twice" : undefined,
    };
  },
};
