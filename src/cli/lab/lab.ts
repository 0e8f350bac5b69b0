/*
 * The lab: two Valkey servers, our side, and a naive side beside it if it is asked for. It looks at
 * every part, reports what it sees, and carries out one order at a time. faults.ts has the orders.
 */

import { formatPosition, GENESIS } from "../../board/position.js";
import { type Cancel, every, pause, realClock } from "../../protocol/clock.js";
import type { ActionName, LabReport, LabView, NaiveKind } from "../../protocol/lab.js";
import { Hops } from "./hops.js";
import type { ServerPair } from "./servers.js";
import { CELLS, PAGE_KEYS, Side, type SideWatch } from "./side.js";
import { LabTrial } from "./trial.js";

const LOOK_MS = 100;
/** For the browsers of a naive side. Without Valkey, some servers never send the board. */
const CONNECT_MS_MAX = 5_000;
/** After a change, so that several at once are looked at together. */
const SOON_MS = 8;
const TRIALS_MAX = 12;
const ORDERS_MAX = 8;
const NAIVE_KEYS = ["checkboxes", "bits", "version"];

export class Lab {
  readonly servers: ServerPair;
  readonly ours: Side;
  naive: Side | undefined;
  readonly #folder: string;
  readonly #hops = new Hops((hops) => this.#report({ hops }));
  readonly #listeners = new Set<(report: LabReport) => void>();
  readonly #stopLooking: Cancel;
  #trials: LabTrial[] = [];
  #trialCount = 0;
  #busy: string | undefined;
  #problem: string | undefined;
  #orders: Promise<unknown> = Promise.resolve();
  #ordersWaiting = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #isLooking = false;
  #lastView = "";
  /** The next box for clicks of the lab's own. */
  #nextCell = 0;

  private constructor(servers: ServerPair, folder: string) {
    this.servers = servers;
    this.#folder = folder;
    this.ours = new Side(undefined, servers, folder, this.#hops, this.#watch("ours"));
    this.#stopLooking = every(realClock, LOOK_MS, () => this.#look());
  }

  static async start(servers: ServerPair, folder: string): Promise<Lab> {
    const lab = new Lab(servers, folder);
    await lab.ours.start().catch(async (error: unknown) => {
      await lab.close();
      throw error;
    });
    return lab;
  }

  /** Every side that runs. */
  get sides(): readonly Side[] {
    return this.naive ? [this.ours, this.naive] : [this.ours];
  }

  get trial(): LabTrial | undefined {
    const [last] = this.#trials;
    return last?.isOpen ? last : undefined;
  }

  /** Calls `listener` with each report, until the returned function is called. */
  on(listener: (report: LabReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Orders are carried out one after the other. False if too many wait. */
  enqueue(carryOut: () => Promise<void>): boolean {
    if (this.#ordersWaiting >= ORDERS_MAX) return false;
    this.#ordersWaiting++;
    this.#orders = this.#orders
      .then(() => {
        this.#problem = undefined;
        return carryOut();
      })
      .catch((error: unknown) => {
        this.#problem = `This did not work: ${error instanceof Error ? error.message : error}.`;
      })
      .finally(() => {
        this.#ordersWaiting--;
        this.#busy = undefined;
        this.lookSoon();
      });
    return true;
  }

  /** Shown until the order is carried out. */
  says(busy: string): void {
    this.#busy = busy;
    this.lookSoon();
  }

  /** Begins a trial. An open one ends as it stands. */
  begin(action: ActionName, title: string): LabTrial {
    this.trial?.close(true);
    const trial = new LabTrial(++this.#trialCount, action, title, this.naive !== undefined);
    this.#trials = [trial, ...this.#trials].slice(0, TRIALS_MAX);
    this.saw(title);
    return trial;
  }

  /** Notes it for the open trial. */
  saw(text: string): void {
    const { trial } = this;
    for (const record of [trial?.ours, trial?.naive]) record?.watch.saw(text);
  }

  /** Boxes for clicks of the lab's own: other ones each time. */
  takeCells(count: number): number[] {
    return Array.from({ length: count }, () => this.#nextCell++ % CELLS);
  }

  /** Unchecks all boxes of our side, so that both sides can begin with the same board. */
  async clear(): Promise<void> {
    const shown = Array.from(this.ours.seats[0]?.browser.shown ?? "");
    await Promise.all(shown.map(async (value, cell) => value === "1" && (await this.ours.click(1, cell, false))));
  }

  /** Ends the naive side, and starts another kind. Resolves when its browsers show the board. */
  async setNaive(kind: NaiveKind | undefined): Promise<void> {
    const { naive } = this;
    this.naive = undefined;
    await naive?.close();
    await this.servers.primary.ask("DEL", ...NAIVE_KEYS);
    if (!kind) return;
    const next = new Side(kind, this.servers, this.#folder, this.#hops, this.#watch("naive"));
    await next.start().catch(async (error: unknown) => {
      await next.close();
      throw error;
    });
    for (let waitedMs = 0; !next.isConnected && waitedMs < CONNECT_MS_MAX; waitedMs += LOOK_MS)
      await pause(realClock, LOOK_MS);
    this.naive = next;
  }

  view(): LabView {
    const { naive } = this;
    return {
      cells: CELLS,
      servers: this.servers.servers.map(({ view }) => view),
      ours: this.ours.view(),
      naive: naive?.kind && { ...naive.view(), kind: naive.kind },
      trials: this.#trials.map((trial) => trial.view()),
      busy: this.#busy,
      problem: this.#problem,
    };
  }

  lookSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.#look();
    }, SOON_MS);
  }

  async close(): Promise<void> {
    this.#stopLooking();
    clearTimeout(this.#soon);
    this.#hops.close();
    await Promise.all(this.sides.map((side) => side.close()));
    await this.servers.close();
  }

  #watch(name: "ours" | "naive"): SideWatch {
    const record = () => this.trial?.[name];
    return {
      changed: () => this.lookSoon(),
      committed: () => record()?.watch.committed(),
      framed: () => record()?.watch.framed(),
      saw: (text) => record()?.watch.saw(text),
      clicked: async (cell, value, answer) => {
        const watch = record()?.watch;
        if (watch) await watch.clicked(cell, value, answer);
        else await answer.catch(() => undefined);
      },
    };
  }

  /** Asks both servers, judges the trial, and reports what has changed. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await Promise.all(this.servers.servers.map((server) => this.#ask(server)));
      this.trial?.look(this.ours, this.naive, this.#busy !== undefined);
      const view = this.view();
      const text = JSON.stringify(view);
      if (text === this.#lastView) return;
      this.#lastView = text;
      this.#report({ view });
    } finally {
      this.#isLooking = false;
    }
  }

  async #ask(server: ServerPair["primary"]): Promise<void> {
    if (server.state !== "up") {
      server.position = undefined;
      server.isLinked = false;
      if (server.role === "primary") for (const side of this.sides) side.stored = undefined;
      return;
    }
    const isPrimary = server.role === "primary";
    const [head, role, ...boxes] = await Promise.all([
      server.ask("HMGET", PAGE_KEYS.head, "v", "t"),
      server.ask("ROLE"),
      ...(isPrimary ? this.sides.map((side) => side.readStored(server)) : []),
    ]);
    const [version, tag] = Array.isArray(head) ? head : [];
    const position =
      typeof version === "string" ? `${version}.${tag}` : head === undefined ? undefined : formatPosition(GENESIS);
    const isCopied = !isPrimary && position !== server.position && server.position !== undefined;
    server.position = position;
    server.isLinked = Array.isArray(role) && role[3] === "connected";
    if (isPrimary) for (const [index, side] of this.sides.entries()) side.stored = boxes[index];
    else if (isCopied) {
      const { primary } = this.servers;
      this.#hops.add("copy", `valkey.${primary.name}`, `valkey.${server.name}`, position ?? "");
    }
  }

  #report(report: LabReport): void {
    for (const listener of this.#listeners) listener(report);
  }
}
