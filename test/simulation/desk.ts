/* The app's own code at one instance after another: it extends, confirms and releases what users have, and takes cells itself. */

import { packChanges } from "../../src/board/delta.js";
import { offsetOf, pageOf } from "../../src/board/geometry.js";
import type { Clock } from "../../src/protocol/clock.js";
import { APP_OWNER } from "../../src/server/claims/owners.js";
import type { Write } from "../../src/store/store.js";
import type { Random } from "../support/random.js";
import type { Host } from "./host.js";
import type { Plan } from "./plan.js";
import type { Trace } from "./trace.js";

/** By far longer than a simulation takes. */
const EXTEND_MS = 60_000;
const ACT_EVERY_MS = 150;
const SESSION = "app___________________";

interface DeskParts {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts: readonly Host[];
  readonly trace: Trace;
}

export class Desk {
  readonly #parts: DeskParts;
  /** Of each act without an answer, whether its instance lives. */
  readonly #open = new Set<() => boolean>();
  #seq = 0;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Whether something that the app did may yet take effect. */
  get isWaiting(): boolean {
    return Array.from(this.#open).some((isOpen) => isOpen());
  }

  /** Acts again and again until `untilMs`, on boards with claims. */
  live(untilMs: number): void {
    const { clock, random, plan } = this.#parts;
    const [board] = plan.claims.boards.keys();
    if (board === undefined) return;
    clock.after(random.between(0, ACT_EVERY_MS * 2), () => {
      if (clock.now() >= untilMs) return;
      this.#act(board, random.pick(plan.cells) % (plan.boards[board] ?? 1));
      this.live(untilMs);
    });
  }

  #act(board: string, cell: number): void {
    const { random, hosts, trace } = this.#parts;
    const host = random.pick(hosts);
    const { running } = host;
    if (!running) return;
    const [name, write] = this.#write(cell);
    trace.say(() => `the app ${name} ${board} ${cell}`);
    const isOpen = () => host.running === running;
    this.#open.add(isOpen);
    running.instance.writer.write({ board, page: pageOf(cell) }, write, () => this.#open.delete(isOpen));
  }

  #write(cell: number): [name: string, Write] {
    const { random } = this.#parts;
    const change = (value: 0 | 1) => packChanges([[offsetOf(cell), value]]);
    const numbered = { session: SESSION, seq: ++this.#seq };
    const chance = random.next();
    if (chance < 0.3) return ["confirms", { ...numbered, changes: change(1), act: { kind: "confirm" } }];
    if (chance < 0.6) return ["extends", { ...numbered, changes: change(1), act: { kind: "extend", ms: EXTEND_MS } }];
    if (chance < 0.85) return ["releases", { ...numbered, changes: change(0) }];
    return ["takes", { ...numbered, changes: change(1), owner: APP_OWNER }];
  }
}
