/* The changes of the user that wait: the time they take, and those that an earlier page left. */

import { useEffect, useState } from "preact/hooks";
import type { Board, Client, EarlierChanges } from "../../client/index.js";
import { countOf } from "../../protocol/count.js";
import type { Wording } from "./wording.js";

const SHOWN_MS = 8_000;

/** Asks before the page is left while changes wait. */
export function askBeforeLeaving(board: Board): () => void {
  const leaving = (event: BeforeUnloadEvent) => {
    if (board.pending > 0) event.preventDefault();
  };
  addEventListener("beforeunload", leaving);
  return () => removeEventListener("beforeunload", leaving);
}

/** A text about the changes that an earlier page left; undefined if there are none. */
export function useEarlier(client: Client): Wording | undefined {
  const [earlier, setEarlier] = useState<EarlierChanges>();
  useEffect(() => client.on("earlier", setEarlier), [client]);
  useEffect(() => {
    if (earlier?.waiting !== 0) return;
    const timer = setTimeout(() => setEarlier(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [earlier]);
  return earlier && earlierText(earlier);
}

export function earlierText({ waiting, delivered, lost }: EarlierChanges): Wording {
  if (waiting > 0) {
    const text = countOf(
      waiting,
      "change from your last visit is being saved",
      "changes from your last visit are being saved",
    );
    return { tone: "waiting", text: `${text} …` };
  }
  if (lost === 0) {
    const text = countOf(delivered, "change from your last visit was saved", "changes from your last visit were saved");
    return { tone: "good", text: `${text}.` };
  }
  const text = countOf(lost, "change from your last visit was", "changes from your last visit were");
  return { tone: "bad", text: `${text} refused, or too old to be saved. Check the board.` };
}
