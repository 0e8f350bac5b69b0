/*
 * Keeps a cluster's slot map up to date. The map is read every second, and earlier after a hint
 * that it is out of date: a redirection, a lost connection, or dropped subscriptions.
 *
 *     every second ──────────► refresh: ask one available server; if it is cut off, another
 *     hint ── 100 ms apart ──►   │ CLUSTER INFO, CLUSTER SLOTS
 *                                ▼
 *                              adopt the map, connect new owners, move subscriptions
 *
 * A server that dropped subscriptions knows before others where their slot went. It is a witness,
 * so the next refresh asks it too.
 */

import { type Cancel, jitter, realClock, within } from "../../../protocol/clock.js";
import type { ValkeyServer } from "../server/server.js";
import type { Redirected } from "../trouble/replies.js";
import { Explained, explain } from "../trouble/trouble.js";
import { Announced, type ClusterAddress } from "./announced.js";
import type { Servers } from "./servers.js";
import { readClusterSlots } from "./slot-map.js";

const REFRESH_MS = 1_000;
/** Minimum time between two refreshes caused by hints. */
const HINTED_MS_MIN = 100;
const ANSWER_MS_MAX = 500;

interface RefreshEvents {
  /** The owners of slots have changed, or the cluster went down or came back. */
  changed(): void;
  incident(message: string): void;
}

export class SlotRefresh {
  readonly #address: ClusterAddress;
  readonly #servers: Servers;
  readonly #events: RefreshEvents;
  readonly #announced: Announced;
  readonly #witnesses = new Set<ValkeyServer>();
  /** Whether servers answer but report that the cluster as a whole does not work. */
  #isDown = false;
  #isHinted = false;
  #refreshing: Promise<void> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #cancel: Cancel | undefined;
  #closed = false;

  constructor(address: ClusterAddress, servers: Servers, events: RefreshEvents) {
    this.#address = address;
    this.#servers = servers;
    this.#events = events;
    this.#announced = new Announced(address, servers, { found: () => this.hint(), incident: events.incident });
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Reads the first map. Rejects if the cluster is down or a server refuses to be used. */
  async start(seed: ValkeyServer): Promise<void> {
    if (!(await this.#ask(seed))) {
      throw new Explained("down", "it says that the cluster is down. Check CLUSTER INFO and CLUSTER NODES", true);
    }
    await this.#announced.allChecked();
    await this.#refresh();
    // An unreachable server may come back, but one that refuses needs the operator.
    const refused = (error: unknown) => {
      if (explain(error, this.#address)?.isAnswer) throw error;
    };
    await Promise.all(this.#servers.owners.map((server) => server.firstUp().catch(refused)));
  }

  /** To be called if the map may be out of date. */
  hint(witness?: ValkeyServer): void {
    if (witness) this.#witnesses.add(witness);
    this.#isHinted = true;
    if (!this.#refreshing) this.#schedule(Math.max(0, this.#refreshedMs + HINTED_MS_MIN - performance.now()));
  }

  /** Records the redirection and returns the server that it names. */
  follow({ slot, to, isAsk }: Redirected): ValkeyServer {
    const place = this.#announced.placeOf(to);
    const server = this.#servers.at(place);
    if (!isAsk) {
      this.#servers.slots.move(slot, place);
      this.#events.changed();
      this.hint();
    }
    return server;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#announced.close();
  }

  #schedule(ms: number): void {
    this.#cancel?.();
    if (!this.#closed) this.#cancel = realClock.after(jitter(realClock, ms), () => void this.#refresh());
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshNow().finally(() => {
      this.#refreshing = undefined;
      this.#refreshedMs = performance.now();
      this.#schedule(this.#isHinted ? HINTED_MS_MIN : REFRESH_MS);
    });
    return this.#refreshing;
  }

  async #refreshNow(): Promise<void> {
    this.#isHinted = false;
    const witnesses = [...this.#witnesses];
    this.#witnesses.clear();
    const heard = await Promise.all(witnesses.map((witness) => this.#ask(witness).catch(() => undefined)));
    if (heard.includes(true)) return this.#servers.dropIdle();
    const able = this.#servers.all.filter((server) => server.available);
    const start = Math.floor(realClock.random() * able.length);
    let isSaidDown = heard.includes(false);
    for (const server of [...able.slice(start), ...able.slice(0, start)]) {
      const isUp = await this.#ask(server).catch(() => undefined);
      if (isUp) return this.#servers.dropIdle();
      isSaidDown ||= isUp === false;
    }
    this.#isDown = isSaidDown;
    this.#events.changed();
    // The whole cluster may have moved, and the seeds may know where.
    if (able.length === 0) for (const seed of this.#address.seeds) this.#servers.at(seed);
  }

  /**
   * Adopts the map of a server. Returns false if that server reports that the cluster does not
   * work, as a server does that is cut off from the others.
   */
  async #ask(server: ValkeyServer): Promise<boolean> {
    const asked = Promise.all([
      server.commands.command(["CLUSTER", "INFO"]),
      server.commands.command(["CLUSTER", "SLOTS"]),
    ]);
    const [info, slots] = await within(realClock, ANSWER_MS_MAX, asked, () => new Error("no answer"));
    if (!String(info).includes("cluster_state:ok")) return false;
    if (this.#closed) return true;
    const ranges = readClusterSlots(slots, server.endpoint);
    this.#servers.adopt(ranges.map((range) => ({ ...range, primary: this.#announced.placeOf(range.primary) })));
    for (const { primary, id } of ranges) this.#announced.check(primary, id);
    this.#isDown = false;
    this.#events.changed();
    return true;
  }
}
