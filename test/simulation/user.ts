/* One user: a real client on a simulated line, and a hand that clicks here and there, quickly, and often at one place. */

import { LiveClient } from "../../src/client/client.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Visitor } from "../../src/server/access/access.js";
import { visitorOwner } from "../../src/server/claims/owners.js";
import { ofBoard } from "../../src/store/by-board.js";
import type { Random } from "../support/random.js";
import type { ClaimsJudge } from "./claims-judge.js";
import type { EncodeCount } from "./encode-count.js";
import type { Host } from "./host.js";
import type { Judge } from "./judge.js";
import { SimulatedLine } from "./line.js";
import { Witness } from "./line-witness.js";
import type { Plan } from "./plan.js";
import { Screen } from "./screen.js";
import type { StoreServer } from "./store-server.js";
import type { Trace } from "./trace.js";

export interface UserParts {
  readonly name: string;
  readonly visitor: Visitor;
  readonly plan: Plan;
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts: readonly Host[];
  readonly server: StoreServer;
  readonly judge: Judge;
  readonly claimsJudge: ClaimsJudge;
  readonly trace: Trace;
  readonly encodeCount: EncodeCount;
}

/** What a session id has, see WriteRequest. */
const SESSION_CHARACTERS = 22;
const TAKE_BACK = 0.15;

export class User {
  readonly name: string;
  readonly client: LiveClient;
  readonly screens: readonly Screen[];
  readonly witness: Witness;
  /** When the client last did not read. */
  stalledMs = Number.NEGATIVE_INFINITY;
  readonly #parts: UserParts;
  #untilMs = 0;
  #line: SimulatedLine | undefined;

  constructor(parts: UserParts) {
    const { name, visitor, plan, clock, random, hosts, judge, trace } = parts;
    this.name = name;
    this.#parts = parts;
    const screens: Screen[] = [];
    this.screens = screens;
    this.witness = new Witness({ ...parts, screens });
    let sessions = 0;
    const sessionName = (index: number) => `${name}_${index}`.padEnd(SESSION_CHARACTERS, "_");
    this.client = new LiveClient({
      open: (listener) => {
        const { delayMsMax } = plan;
        this.#line = new SimulatedLine({ clock, random, hosts, visitor, delayMsMax, listener, witness: this.witness });
        return this.#line;
      },
      clock,
      newSession: () => sessionName(sessions++),
    });
    for (const [board, size] of Object.entries(plan.boards)) {
      const refused = (reason: string) => judge.fail(`${name}: ${reason}`);
      const session = sessionName(screens.length);
      const owner = ofBoard(plan.claims, board) && visitorOwner(visitor, { session });
      const screen = new Screen(this.client.board(board), session, size, owner, refused);
      screens.push(screen);
      screen.watchAll();
      screen.board.on("change", (changes) => {
        trace.say(() => `${name}  shows ${board} ${changes.map((it) => `${it.cell}=${it.value ? 1 : 0}`).join(" ")}`);
      });
    }
  }

  get line(): SimulatedLine {
    if (!this.#line) throw new Error("the client opened no line");
    return this.#line;
  }

  /** Acts again and again until `untilMs`. */
  live(untilMs: number): void {
    this.#untilMs = untilMs;
    const { clock, random, plan } = this.#parts;
    clock.after(random.between(0, plan.actEveryMs * 2), () => {
      if (clock.now() >= untilMs) return;
      this.#act();
      this.live(untilMs);
    });
  }

  stall(): void {
    this.stalledMs = this.#parts.clock.now();
    this.line.stall();
  }

  release(): void {
    if (this.line.isStalled) this.stalledMs = this.#parts.clock.now();
    this.line.release();
  }

  #act(): void {
    const { random } = this.#parts;
    const screen = random.pick(this.screens);
    const chance = random.next();
    if (chance < 0.6) this.#click(screen);
    else if (chance < 0.75) for (let count = random.whole(2, 5); count > 0; count--) this.#click(screen);
    else if (chance < 0.85) this.#clickTwice(screen);
    else {
      const page = random.whole(0, screen.pages - 1);
      if (screen.isWatching(page)) screen.stopWatching(page);
      else screen.watch(page);
    }
  }

  #click(screen: Screen): void {
    const { random, plan } = this.#parts;
    this.#set(screen, random.pick(plan.cells) % screen.size, random.chance(0.5));
  }

  #clickTwice(screen: Screen): void {
    const { random, plan } = this.#parts;
    const cell = random.pick(plan.cells) % screen.size;
    const isFirst = random.chance(0.5);
    this.#set(screen, cell, isFirst);
    this.#set(screen, cell, !isFirst);
  }

  #set(screen: Screen, cell: number, value: boolean): void {
    const { trace, random, clock } = this.#parts;
    trace.say(() => `${this.name}  sets ${screen.board.name} ${cell}=${value ? 1 : 0}`);
    screen.set(cell, value ? 1 : 0, () => {
      // Some take back what they did as soon as it is done.
      if (clock.now() < this.#untilMs && random.chance(TAKE_BACK)) this.#set(screen, cell, !value);
    });
  }
}
