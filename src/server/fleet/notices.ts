/*
 * Notices to all clients of an instance, through every door. They report how many people are
 * online, whether the store is available, and that the instance is closing.
 */

import type { Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import type { Instance } from "../instance/instance.js";
import { everyMs, People } from "./people.js";
import type { Presence } from "./presence.js";

const ONLINE_EVERY_MS = 1_000;

export class Notices {
  readonly #doors: ((notice: Notice) => void)[] = [];
  readonly #stop: () => void;

  constructor(instance: Instance, presence: Presence) {
    const people = new People(instance, presence);
    let sent = "";
    let sentMs = Number.NEGATIVE_INFINITY;
    const timer = setInterval(() => {
      const { online, onlineEverywhere } = presence;
      instance.metrics.connected(online);
      const nowMs = performance.now();
      people.send(nowMs);
      if (sent === `${online} ${onlineEverywhere}` || nowMs - sentMs < everyMs(online) - ONLINE_EVERY_MS / 2) return;
      sentMs = nowMs;
      sent = `${online} ${onlineEverywhere}`;
      this.#send({ kind: "online", online, onlineEverywhere });
    }, ONLINE_EVERY_MS);
    timer.unref();
    const forget = instance.store.onAvailable((available) => this.#send({ kind: "store", available }));
    this.#stop = () => {
      clearInterval(timer);
      forget();
    };
  }

  /** `notify` sends a notice to every client of one door. */
  through(notify: (notice: Notice) => void): void {
    this.#doors.push(notify);
  }

  /** Sends every client the reason, upon which it disconnects. */
  close(reason: Refusal): void {
    this.#stop();
    this.#send({ kind: "goodbye", error: reason.toBody() });
  }

  #send(notice: Notice): void {
    for (const notify of this.#doors) notify(notice);
  }
}
