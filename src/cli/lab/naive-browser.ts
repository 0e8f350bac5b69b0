/*
 * A browser of the naive side: plain Socket.IO, as a first version of such a page has it. It shows
 * what arrives, and connects again after a loss.
 */

import { io, type Socket } from "socket.io-client";
import type { Browser, BrowserWatch } from "./browser.js";

const RECONNECT_MS = 100;

export class NaiveBrowser implements Browser {
  readonly position = undefined;
  readonly #socket: Socket;
  #cells: boolean[];
  #pending = 0;
  hasBoard = false;

  constructor(url: string, cells: number, watch: BrowserWatch) {
    this.#cells = new Array<boolean>(cells).fill(false);
    this.#socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: RECONNECT_MS });
    let hasBeenUp = false;
    this.#socket.on("connect", () => {
      if (hasBeenUp) watch.reconnected();
      hasBeenUp = true;
      watch.changed();
    });
    this.#socket.on("disconnect", () => {
      // Socket.IO gives up what was on its way.
      this.#pending = 0;
      this.hasBoard = false;
      watch.changed();
    });
    this.#socket.on("state", (state: boolean[]) => {
      this.#cells = [...state];
      this.hasBoard = true;
      watch.frame("whole board");
      watch.changed();
    });
    this.#socket.on("checkbox-update", ({ index, value }: { index: number; value: boolean }) => {
      this.#cells[index] = value;
      watch.frame(`box ${index}`);
      watch.changed();
    });
  }

  get isConnected(): boolean {
    return this.#socket.connected;
  }

  get shown(): string {
    return this.#cells.map(Number).join("");
  }

  get pending(): number {
    return this.#pending;
  }

  click(index: number, value: boolean): Promise<void> {
    this.#pending++;
    return new Promise((done) => {
      this.#socket.emit("checkbox-update", { index, value }, () => {
        this.#pending = Math.max(0, this.#pending - 1);
        done();
      });
    });
  }

  close(): void {
    this.#socket.close();
  }
}
