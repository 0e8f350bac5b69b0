/*
 * All instances, as one of them knows them. Each announces its load and the pages that its clients
 * watch on the store's roll, about every ANNOUNCE_MS. The same call returns the other instances.
 * Presence and GET /cluster read the last answer, so they cost the store nothing.
 */

import { randomBytes } from "node:crypto";
import { type Cancel, every, jitter } from "../../protocol/clock.js";
import { GONE_MS } from "../../store/roll.js";
import { StoreAway } from "../../store/store.js";
import { type Announcement, type InstanceRecord, parseAnnouncement } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";
import { Load } from "./load.js";
import { Presence } from "./presence.js";

const ANNOUNCE_MS = 2_000;

/** The body of the answer to GET /cluster. */
export interface ClusterState {
  /** The id of the instance that answers. */
  readonly self: string;
  readonly storeAvailable: boolean;
  /** A sentence for operators, if a setting of the store may lose data. */
  readonly storeWarning?: string | undefined;
  /** Sorted by name, without instances that have been silent for GONE_MS. */
  readonly instances: readonly (InstanceRecord & { readonly id: string; readonly heardMsAgo: number })[];
}

interface Heard {
  readonly id: string;
  readonly atMs: number;
  readonly announcement: Announcement;
}

export class Fleet {
  readonly presence: Presence;
  readonly #instance: Instance;
  readonly #id = randomBytes(8).toString("hex");
  readonly #load: Load;
  readonly #stop: Cancel;
  #others: readonly Heard[] = [];
  #last: InstanceRecord;
  #isClosed = false;

  /** `online` returns the number of sockets on the instance. */
  constructor(instance: Instance, online: () => number) {
    this.#instance = instance;
    this.presence = new Presence(instance, online);
    this.#load = new Load(instance, online);
    this.#last = this.#load.sample();
    void this.#announce();
    const { clock } = instance;
    const announce = () => {
      this.#last = this.#load.sample();
      return this.#announce();
    };
    this.#stop = every(clock, () => jitter(clock, ANNOUNCE_MS), announce);
  }

  state(): ClusterState {
    const now = performance.now();
    const { name, store } = this.#instance;
    const others = this.#others.flatMap(({ id, atMs, announcement: { looking: _, people: __, ...record } }) => {
      const heardMsAgo = Math.round(now - atMs);
      return heardMsAgo < GONE_MS ? [{ ...record, id, heardMsAgo }] : [];
    });
    const self = { ...this.#last, name, clients: this.presence.online, id: this.#id, heardMsAgo: 0 };
    const instances = [self, ...others].sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    return { self: this.#id, storeAvailable: store.available, storeWarning: store.warning, instances };
  }

  /**
   * Resolves when other instances can see that this one is leaving, or when that cannot be
   * announced.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop();
    this.#load.close();
    const { store } = this.#instance;
    if (store.available) await store.enroll(this.#id, "").catch(() => undefined);
  }

  async #announce(): Promise<void> {
    const { store } = this.#instance;
    // Other parts report that the store is unavailable.
    if (!store.available) return;
    try {
      const [looking, people] = [this.presence.looking(), this.presence.peopleHere()];
      const boards = { looking: Object.fromEntries(looking), people: Object.fromEntries(people) };
      const text = JSON.stringify({ ...this.#last, ...boards });
      const roll = await store.enroll(this.#id, text);
      if (this.#isClosed) return;
      const now = performance.now();
      // Anyone with access to Valkey can write there, so invalid records are ignored.
      this.#others = roll.flatMap(({ id, record, ageMs }) => {
        const announcement = id === this.#id ? undefined : parseAnnouncement(record);
        return announcement ? [{ id, atMs: now - ageMs, announcement }] : [];
      });
      this.presence.hear(this.#others.map(({ announcement }) => announcement));
    } catch (error) {
      if (!(error instanceof StoreAway))
        this.#instance.failed(error, "this instance could not announce itself to the other instances");
    }
  }
}
