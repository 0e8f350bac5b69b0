/*
 * Messages that are not clicks, a few at a time and all small. After each, an ordinary click of
 * another client must arrive, and nobody else may lose the connection. At the end, the stored board
 * must be what it was.
 */

import { countOf, formatCount } from "../../protocol/count.js";
import { BadAnswer, Interrupted } from "../adapters/errors.js";
import { plainText } from "../adapters/plain-text.js";
import type { CrashSeen, NotPlayed, StallSeen } from "../findings/observations.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";

const FLOOD = 200;
const DEPTH = 1_000;
const TEXT_CHARACTERS = 32_768;
const FAR = 1_000;
const LATER_MS = 20;
/** Boxes that the messages changed. */
const RESTORED_MAX = 100;
const BACK_MS_MAX = 4_000;
const BACK_PAUSE_MS = 250;

interface Message {
  readonly name: string;
  readonly content: unknown;
  readonly times?: number;
}

/** The failure that ended the trial leaves the other one open. */
interface HostileSeen {
  readonly crash: CrashSeen | NotPlayed;
  readonly stall: StallSeen | NotPlayed;
}

export async function hostile(hearing: Hearing): Promise<HostileSeen> {
  hearing.requireAll();
  const [cell = 0] = hearing.take(1);
  hearing.touched.add(cell);
  const foreign = hearing.foreign;
  const { cells: before } = await hearing.read(hearing.url(0));
  const waitMs = hearing.graceMs;
  let sender: Guest | undefined;
  let sent = 0;
  let worstMs = 0;
  let ending: string | undefined;
  let stalling: string | undefined;
  for (const { name, content, times = 1 } of messagesFor(hearing.size, cell)) {
    try {
      if (!sender?.isOnline) sender = await hearing.enter(hearing.url(0));
    } catch (error) {
      if (sent > 0 && error instanceof BadAnswer && isSettled(hearing)) break;
      throw error;
    }
    for (let count = 0; count < times; count++) sender.send(content);
    sent++;
    const startMs = performance.now();
    const isSeen = await probe(hearing, waitMs);
    worstMs = Math.max(worstMs, performance.now() - startMs);
    // The server may work on the message for some time before it ends.
    await hearing.wait(() => !isSettled(hearing), LATER_MS);
    if (!isSettled(hearing)) ending = name;
    else if (!isSeen) stalling = name;
    if (ending !== undefined || stalling !== undefined) break;
  }
  sender?.leave();
  const isBack = ending === undefined || (await comesBack(hearing));
  const damage = isBack ? await damageOf(hearing, before, foreign) : undefined;
  const crash: CrashSeen = { messages: sent, ending, isBack, damage };
  const stall: StallSeen = { messages: sent, worstMs, usualMs: hearing.seenMs, stalling, waitedMs: waitMs };
  const other: NotPlayed = { notPlayed: `the trial ended after ${countOf(sent, "message")}` };
  if (ending !== undefined) return { crash, stall: other };
  return stalling !== undefined && damage === undefined ? { crash: other, stall } : { crash, stall };
}

/** Nobody else has lost the connection. */
function isSettled({ witnesses, writers }: Hearing): boolean {
  return [...witnesses, ...writers].every(({ isOnline }) => isOnline);
}

/** An ordinary click, which may be refused by a limit. Ends early if connections are lost. */
async function probe(hearing: Hearing, ms: number): Promise<boolean> {
  const writer = hearing.writer(1);
  const cell = hearing.cellOf(writer);
  const { screen } = hearing.witnessAt(writer.url);
  const value = !screen.at(cell);
  const click = hearing.set(writer, cell, value);
  const isSeen = () => screen.at(cell) === value || click.answer === "refused";
  await hearing.wait(() => isSeen() || !isSettled(hearing), ms);
  return isSeen();
}

async function comesBack(hearing: Hearing): Promise<boolean> {
  const endMs = performance.now() + BACK_MS_MAX;
  while (performance.now() < endMs && !hearing.signal.aborted) {
    try {
      (await hearing.enter(hearing.url(0))).leave();
      return true;
    } catch {
      await hearing.wait(() => false, BACK_PAUSE_MS);
    }
  }
  return false;
}

/** `before` and `foreign` are of before the messages. */
async function damageOf(hearing: Hearing, before: readonly boolean[], foreign: number): Promise<string | undefined> {
  const { size } = hearing;
  try {
    const { cells, odd } = await hearing.read(hearing.url(0));
    if (cells.length !== size)
      return `the board has ${countOf(cells.length, "box", "boxes")} instead of ${formatCount(size)}`;
    const more = odd - hearing.before.odd;
    if (more > 0) return `${countOf(more, "box is", "boxes are")} neither checked nor unchecked`;
    const changed = changedCells(before, cells, hearing.touched);
    // Others who click here may have changed them.
    if (changed.length === 0 || foreign > 0) return undefined;
    // So they are given their old values, and are not taken for clicks of somebody else.
    for (const cell of changed.slice(0, RESTORED_MAX)) hearing.touched.add(cell);
    hearing.damaging = hearing.foreign;
    return `${countOf(changed.length, "box", "boxes")} changed that nobody clicked`;
  } catch (error) {
    if (!(error instanceof BadAnswer) || error.status === 429) throw new Interrupted(plainText(error));
    return `the board can no longer be read (${error.message})`;
  }
}

/** Boxes that the judge did not click, and that are not as they were. */
export function changedCells(
  before: readonly boolean[],
  after: readonly boolean[],
  touched: ReadonlySet<number>,
): number[] {
  return [...after.keys()].filter((cell) => !touched.has(cell) && after[cell] !== before[cell]);
}

function messagesFor(size: number, cell: number): Message[] {
  const box = (name: string, index: unknown): Message => ({ name, content: { index, value: true } });
  const value = (name: string, sent: unknown): Message => ({ name, content: { index: cell, value: sent } });
  let nested: unknown[] = [];
  for (let depth = 0; depth < DEPTH; depth++) nested = [nested];
  return [
    { name: "null", content: null },
    { name: "a message without content", content: undefined },
    { name: "a string", content: "checked" },
    { name: "a number", content: 12 },
    { name: "an empty list", content: [] },
    { name: "an empty object", content: {} },
    box("box null", null),
    box("box -1", -1),
    box("box 1.5", 1.5),
    box('box "a"', "a"),
    box('box "__proto__"', "__proto__"),
    box(`box ${size}, one past the last`, size),
    box(`box ${size + FAR}`, size + FAR),
    value("the value null", null),
    value('the value "yes"', "yes"),
    value("a value that is an object", { checked: true }),
    { name: `lists nested ${formatCount(DEPTH)} deep`, content: { index: nested, value: nested } },
    { name: `a string of ${formatCount(TEXT_CHARACTERS)} characters`, content: "x".repeat(TEXT_CHARACTERS) },
    { name: `${FLOOD} invalid messages at once`, content: { index: -1, value: null }, times: FLOOD },
  ];
}
