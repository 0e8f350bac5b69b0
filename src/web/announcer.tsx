/*
 * What a screen reader is told without being asked: the connection's loss and return, the store's, held back changes and
 * refusals. Politely, and never each change of a cell: on a busy board that would be all one hears.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Delay, Live } from "./live.js";
import { type Announcement, Said } from "./said.js";

export function Announcer({ live, delay, refusal }: { live: Live; delay: Delay | undefined; refusal: Announcement }) {
  const [said, setSaid] = useState<Announcement>({ text: "" });
  const say = (text: string) => setSaid({ text });
  const { connected, storeAvailable } = live.connection;
  const isLive = live.status === "live";
  const isDelayed = delay !== undefined;

  const wasLost = useRef(false);
  const hasBeenLive = useRef(false);
  useEffect(() => {
    if (!connected && hasBeenLive.current) {
      wasLost.current = true;
      say("Connection lost. Changes wait until it is back.");
    } else if (isLive) {
      hasBeenLive.current = true;
      if (wasLost.current) say("Connected again.");
      wasLost.current = false;
    }
  }, [connected, isLive]);

  const wasAway = useRef(false);
  useEffect(() => {
    if (!storeAvailable) say("Read only for the moment: the store does not answer. Changes wait.");
    else if (wasAway.current) say("The store answers again.");
    wasAway.current = !storeAvailable;
  }, [storeAvailable]);

  useEffect(() => {
    if (isDelayed) say("Changes are held back and will be sent by themselves.");
  }, [isDelayed]);

  useEffect(() => setSaid(refusal), [refusal]);

  return (
    <div class="for-screen-readers" translate={false} role="status" data-testid="announcer">
      <Said what={said} />
    </div>
  );
}
