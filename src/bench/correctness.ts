/*
 * The judge at the end of a run. Every client must be connected, and each of its pages must have
 * been equal to the store's once. All instances must read the same from the store, and the
 * acknowledged value of every probe must be there.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Crew } from "./crew.js";
import { readPage } from "./deployment.js";
import type { ReferencePage } from "./messages.js";
import { type Scenario, urlsOf } from "./scenario.js";

export type Verdict = Awaited<ReturnType<typeof judge>>;

const MISMATCHES_MAX = 20;
const AGAIN_MS = 250;
const FINAL_COMPARISONS = 3;
/** Stays below the servers' default limit of 50 HTTP requests per second. */
const READ_MS = 25;

export async function judge(crew: Crew, scenario: Scenario, pending: number, withinMs: number) {
  const { board, pages } = scenario;
  const wanted = scenario.clients + scenario.viewers;
  const urls = urlsOf(scenario);
  const deadlineMs = performance.now() + withinMs;
  /** Comparisons in a row that found only divergences, which no later frame can repair. */
  let finalComparisons = 0;
  for (;;) {
    const { reference, instancesDiffer } = await readAll(urls, board, pages);
    const answers = await crew.call("compare", reference);
    const mismatches = answers.flatMap((answer) => answer.mismatches);
    const lostWrites = answers.reduce((sum, { lost }) => sum + lost.length, 0);
    const clients = answers.reduce((sum, { live }) => sum + live, 0);
    const level = answers.reduce((sum, answer) => sum + answer.level, 0);
    const offline = wanted - clients;
    const isLevel = offline === 0 && mismatches.length === 0 && instancesDiffer.length === 0 && lostWrites === 0;
    const isFinal = mismatches.length > 0 && mismatches.every(({ kind }) => kind === "diverged");
    finalComparisons = isFinal ? finalComparisons + 1 : 0;
    if (isLevel || finalComparisons === FINAL_COMPARISONS || performance.now() > deadlineMs) {
      return {
        ok: isLevel && pending === 0 && clients > 0,
        clients,
        /** The compared clients that were equal to the store on every page. */
        level,
        /** Clients that were not connected at the end, so they could not be compared. */
        offline,
        /** Viewers by the feed that had to take a socket. */
        onSockets: answers.reduce((sum, { onSockets }) => sum + onSockets, 0),
        pages,
        mismatches: mismatches.slice(0, MISMATCHES_MAX),
        mismatchCount: mismatches.length,
        /** Pages for which two instances gave different bits. */
        instancesDiffer,
        /** Acknowledged writes that are not in the store. */
        lostWrites,
        /** Writes without an answer. */
        pending,
      };
    }
    await pause(Math.max(AGAIN_MS, READ_MS * urls.length * pages));
  }
}

async function readAll(urls: readonly string[], board: string, pages: number) {
  const reference: ReferencePage[] = [];
  const instancesDiffer: number[] = [];
  for (let page = 0; page < pages; page++) {
    const [first, ...others] = await Promise.all(urls.map((url) => readPage(url, board, page)));
    if (!first) continue;
    reference.push(first);
    if (others.some(({ bits }) => Buffer.compare(bits, first.bits) !== 0)) instancesDiffer.push(page);
  }
  return { reference, instancesDiffer };
}
