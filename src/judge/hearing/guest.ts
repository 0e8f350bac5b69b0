/* One client of the judge, its screen, and the clicks that it made. */

import { formatCount } from "../../protocol/count.js";
import type { Adapter, OpenClient, Visit } from "../adapters/adapter.js";
import { BadAnswer } from "../adapters/errors.js";
import { CHANGES_MAX, type Screen } from "./screen.js";
import { inTime } from "./wait.js";

const OPEN_MS_MAX = 8_000;

export interface Click {
  readonly cell: number;
  readonly value: boolean;
  /** Undefined until the server answers, which not every server does. */
  answer: "acknowledged" | "refused" | undefined;
}

export class Guest {
  readonly url: string;
  readonly screen: Screen;
  readonly #client: OpenClient;
  #hasLeft = false;

  private constructor(url: string, screen: Screen, client: OpenClient) {
    this.url = url;
    this.screen = screen;
    this.#client = client;
  }

  static async open(adapter: Adapter, visit: Visit, screen: Screen): Promise<Guest> {
    const opening = adapter.open(visit, screen);
    let isWanted = true;
    opening.then((client) => isWanted || client.close()).catch(() => undefined);
    const flood = `the server sent more than ${formatCount(CHANGES_MAX)} changes to one client`;
    const flooded = new Promise<never>((_, fail) => {
      screen.onFlood = () => fail(new BadAnswer(`${visit.url}: ${flood}`));
    });
    const tooLate = () => new BadAnswer(`${visit.url} let no client in within ${OPEN_MS_MAX / 1_000} s`);
    try {
      const client = await Promise.race([inTime(opening, OPEN_MS_MAX, visit.signal, tooLate), flooded]);
      const guest = new Guest(visit.url, screen, client);
      screen.onFlood = () => {
        screen.lost(flood);
        guest.cut();
      };
      return guest;
    } catch (error) {
      isWanted = false;
      throw error;
    }
  }

  get isOnline(): boolean {
    return !this.#hasLeft && this.screen.lostWhy === undefined;
  }

  set(cell: number, value: boolean): Click {
    const click: Click = { cell, value, answer: undefined };
    this.#ask(() => this.#client.set(cell, value)).then(
      (isAcknowledged) => {
        if (isAcknowledged !== undefined) click.answer = isAcknowledged ? "acknowledged" : "refused";
      },
      () => {
        click.answer = "refused";
      },
    );
    return click;
  }

  /** Sends what is no click. A client without `sendRaw` sends it as the number of a box. */
  send(content: unknown): void {
    const { sendRaw } = this.#client;
    this.#ask(() => (sendRaw ? sendRaw.call(this.#client, content) : this.#client.set(content as number, true))).catch(
      () => undefined,
    );
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#ask(() => this.#client.close()).catch(() => undefined);
  }

  cut(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#ask(() => (this.#client.cut ? this.#client.cut() : this.#client.close())).catch(() => undefined);
  }

  /** An adapter may throw, for example if its connection has just ended. */
  async #ask<Answer>(call: () => Answer): Promise<Awaited<Answer>> {
    return await call();
  }
}
