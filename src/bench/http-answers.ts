/*
 * Counts the heads of the HTTP answers that this thread receives. Viewers by the feed get one with
 * each answer, and it is larger than most bodies. Node reports them on a diagnostics channel.
 */

import { subscribe } from "node:diagnostics_channel";
import type { Tally } from "./tally.js";

const CHANNEL = "undici:request:headers";
const REFUSED = 429;

interface Answer {
  readonly statusCode: number;
  readonly statusText: string;
  /** Names and values in turn, as they were sent. */
  readonly headers: readonly { readonly length: number }[];
}

export function countAnswers(tally: Tally): void {
  subscribe(CHANNEL, (message) => {
    const answer = answerIn(message);
    if (!answer) return;
    tally.counts.bytes += headBytes(answer);
    if (answer.statusCode === REFUSED) tally.counts.refusedRequests++;
  });
}

/** `HTTP/1.1 200 OK`, lines such as `etag: "…"`, and an empty line. */
function headBytes({ statusText, headers }: Answer): number {
  const texts = headers.reduce((sum, { length }) => sum + length, 0);
  return "HTTP/1.1 200 \r\n\r\n".length + statusText.length + texts + (headers.length / 2) * ": \r\n".length;
}

function answerIn(message: unknown): Answer | undefined {
  if (typeof message !== "object" || message === null || !("response" in message)) return undefined;
  return message.response as Answer;
}
