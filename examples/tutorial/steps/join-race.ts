/*
 * Step 3: somebody clicks at the worst moment, while a newcomer's board is on its way. On both
 * sides, Valkey's answer to the read is delayed until the click has been committed and the
 * newcomer's instance has received its message.
 */

import type { PageRef } from "../../../src/board/geometry.js";
import { PAGE_CELLS } from "../../../src/board/geometry.js";
import type { Position } from "../../../src/board/position.js";
import { connect } from "../../../src/client/index.js";
import { FaultyStore } from "../../../test/support/faulty-store.js";
import { until } from "../../../test/support/until.js";
import { start as startBitmap } from "../naive/bitmap.js";
import { type Person, plainPerson, range } from "../person.js";
import { msUntil, type Stage } from "../stage.js";
import type { Lesson } from "../step.js";

const CELLS = 100;
/** Extra time for a screen to become right. */
const GRACE_MS = 1_000;

export const joinRace: Lesson = {
  title: "The join race",
  scene: "Newcomers open the board one by one. While a board is on its way to a newcomer, somebody clicks a box.",
  run: async (stage) => {
    const newcomers = stage.isQuick ? 5 : 20;
    stage.tell(`${newcomers} newcomers, on a naive instance …`);
    const naive = await playNaive(stage, newcomers);
    stage.tell(`${newcomers} newcomers, on an instance of SocketScaler …`);
    const ours = await playOurs(stage, newcomers);
    const row = (what: string, read: (lacking: Lacking) => number) => ({
      what,
      naive: `${read(naive)} of ${newcomers}`,
      ours: `${read(ours)} of ${newcomers}`,
    });
    const isRight = ({ atFirst, later }: Lacking) => atFirst + later === 0;
    return {
      rows: [
        row("screens that lack the click when they first show the board", ({ atFirst }) => atFirst),
        row(`… and still lack it ${GRACE_MS} ms after the last newcomer`, ({ later }) => later),
      ],
      naiveFault: isRight(naive) ? undefined : "a click between reading and listening is missed",
      ourFault: isRight(ours) ? undefined : "a newcomer lacks a click",
    };
  },
  exercise: {
    naive: "bitmap",
    task: `let no newcomer miss a click that is made while they join.
Keep the line \`await this.answered()\` in \`read\`: with it the scene makes Valkey's answer late.
The board that you send may be older than the changes that the newcomer has heard.`,
  },
};

/** The number of newcomers whose screen lacks the click that was made while they joined. */
export interface Lacking {
  readonly atFirst: number;
  readonly later: number;
}

async function playNaive(stage: Stage, newcomers: number): Promise<Lacking> {
  const valkey = await stage.valkey();
  const here = await stage.open(startBitmap, valkey.url, CELLS);
  const elsewhere = await stage.open(startBitmap, valkey.url, CELLS);
  const witness = await plainPerson(stage, here.url, CELLS, true);
  const clicker = await plainPerson(stage, elsewhere.url, CELLS, true);
  const people: Person[] = [];
  const isWrong = (person: Person, cell: number) => person.shows()[cell] !== "1";
  let atFirst = 0;
  for (const cell of range(0, newcomers)) {
    here.bitmap.answered = async () => {
      await clicker.click(cell);
      await until("the message has arrived", () => witness.shows()[cell] === "1");
    };
    const newcomer = await plainPerson(stage, here.url, CELLS, true);
    if (isWrong(newcomer, cell)) atFirst++;
    people.push(newcomer);
  }
  await msUntil(() => !people.some(isWrong), GRACE_MS);
  return { atFirst, later: people.filter(isWrong).length };
}

/** The same. An instance reads a page for its first client, so each newcomer gets a page. */
export async function playOurs(stage: Stage, newcomers: number): Promise<Lacking> {
  const valkey = await stage.valkey();
  const cells = newcomers * PAGE_CELLS;
  const { store, instance } = await stage.oursBehind((real) => new SlowStore(real), valkey.url, cells);
  const elsewhere = await stage.ours(valkey.url, cells);
  const clicker = connect(elsewhere.url);
  const client = connect(instance.url);
  stage.after(() => {
    clicker.close();
    client.close();
  });
  const board = client.board("main");
  let clicks = 0;
  store.answered = async (page) => {
    clicks++;
    await clicker.board("main").set(page * PAGE_CELLS, true);
    await until("the message has arrived", () => store.heard.has(page));
  };
  const clicked = range(0, newcomers).map((page) => page * PAGE_CELLS);
  const isWrong = (cell: number) => board.get(cell) !== true;
  let atFirst = 0;
  for (const cell of clicked) {
    await board.watch({ start: cell, end: cell + 1 }).ready;
    if (isWrong(cell)) atFirst++;
  }
  if (clicks !== newcomers) throw new Error(`${clicks} clicks fell into the race instead of ${newcomers}`);
  await msUntil(() => !clicked.some(isWrong), GRACE_MS);
  return { atFirst, later: clicked.filter(isWrong).length };
}

/** The real store on a slow network: the first answer about a page is delayed. */
class SlowStore extends FaultyStore {
  answered: (page: number) => Promise<void> = async () => undefined;
  /** Pages that have received a delta. */
  readonly heard = new Set<number>();
  readonly #asked = new Set<number>();

  override lose = ({ page }: { readonly page: number }) => {
    this.heard.add(page);
    return false;
  };

  override async since(ref: PageRef, position: Position) {
    const answer = await this.store.since(ref, position);
    if (!this.#asked.has(ref.page)) {
      this.#asked.add(ref.page);
      await this.answered(ref.page);
    }
    return answer;
  }
}
