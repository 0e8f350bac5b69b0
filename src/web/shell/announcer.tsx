/*
 * Announcements for screen readers: loss and return of the connection and of the store, delayed
 * changes, refusals. Changes of cells are left out: on a busy board they would drown out the rest.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Delay, Live } from "../state/live.js";
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
      say("Connection lost. Your changes are queued and will be sent when you are reconnected.");
    } else if (isLive) {
      hasBeenLive.current = true;
      if (wasLost.current) say("Connected again.");
      wasLost.current = false;
    }
  }, [connected, isLive]);

  const wasUnavailable = useRef(false);
  useEffect(() => {
    if (!storeAvailable)
      say("The store is unavailable. Your changes are queued and will be sent when it is available again.");
    else if (wasUnavailable.current) say("The store is available again.");
    wasUnavailable.current = !storeAvailable;
  }, [storeAvailable]);

  useEffect(() => {
    if (isDelayed) say("Your changes are queued and will be sent automatically.");
  }, [isDelayed]);

  useEffect(() => setSaid(refusal), [refusal]);

  return (
    <div class="for-screen-readers" translate={false} role="status" data-testid="announcer">
      <Said what={said} />
    </div>
  );
}
