/*
 * A viewer by the feed, made of the codec and the replica: it reads the page, then asks for what has
 * changed since, again and again, over one HTTP connection.
 */

import { Agent, get, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { decodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDown } from "../../src/protocol/lane.js";
import type { Changed } from "./system.js";
import { WatchedBoard } from "./watched-board.js";

const AGAIN_MS = 1_000;
/** An instance has a budget for the pages that it sends in a second. Each try takes as long. */
const OPEN_TRIES = 30;
const TOO_MANY_REQUESTS = 429;

/** Each viewer has an address of its own, as behind a proxy. */
let viewers = 0;

export class FeedClient {
  #updates = 0;
  #socket: Socket | undefined;
  /** Of sockets before the present one. */
  #bytesBefore = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #board: WatchedBoard;
  readonly #page: string;
  readonly #headers = { "x-forwarded-for": addressOf(viewers++) };
  #isClosed = false;

  private constructor(url: string, changed: Changed | undefined) {
    this.#page = `${url}/boards/main/pages/0`;
    this.#board = new WatchedBoard([0], changed);
  }

  /** Views the first page of board `main`. */
  static async open(url: string, cells: number, changed?: Changed): Promise<FeedClient> {
    const self = new FeedClient(url, changed);
    let answer = await self.#get(self.#page);
    for (let tries = 1; answer.response.statusCode === TOO_MANY_REQUESTS && tries < OPEN_TRIES; tries++) {
      await pause(AGAIN_MS);
      answer = await self.#get(self.#page);
    }
    const { response, body } = answer;
    const [, at, version, tag = ""] = /"((\d+)\.([\w-]{8})\.\d+)"$/.exec(response.headers.etag ?? "") ?? [];
    if (at === undefined) throw new Error(`${self.#page} was answered with ${response.statusCode}`);
    self.#board.opened(cells);
    self.#board.receive({ kind: "snapshot", page: 0, position: { version: Number(version), tag }, bits: body });
    void self.#follow(at);
    return self;
  }

  /** Updates, and all bytes of the connection. */
  get received(): { readonly frames: number; readonly bytes: number } {
    return { frames: this.#updates, bytes: this.#bytesBefore + (this.#socket?.bytesRead ?? 0) };
  }

  /** False once a request has failed. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get gaps(): number {
    return this.#board.gaps;
  }

  get(cell: number): boolean {
    return this.#board.get(cell);
  }

  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  async #follow(from: string): Promise<void> {
    const cells = from.slice(from.lastIndexOf("."));
    try {
      for (let at = from; !this.#isClosed; ) {
        const startMs = performance.now();
        const { response, body } = await this.#get(`${this.#page}/since/${at}`);
        if (response.statusCode === 204 || response.statusCode === TOO_MANY_REQUESTS)
          await pause(Math.max(0, startMs + AGAIN_MS - performance.now()));
        else at = `${this.#take(body)}${cells}`;
      }
    } catch {
      this.#isClosed = true;
    }
  }

  /** Returns the position that the update leads to. */
  #take(body: Buffer): string {
    this.#updates++;
    const message = decodeDown(body, undefined);
    const update =
      message?.kind === "delta"
        ? message.delta
        : message?.kind === "snapshot" &&
          decodeSnapshot(message.bytes, (_, page) => this.#board.cellsOf(page))?.content;
    if (!update) throw new Error("the answer is no update");
    this.#board.receive(update);
    const { version, tag } = update.kind === "delta" ? update.to : update.position;
    return `${version}.${tag}`;
  }

  #get(address: string): Promise<{ response: IncomingMessage; body: Buffer }> {
    return new Promise((done, fail) => {
      get(address, { agent: this.#agent, headers: this.#headers }, (response) => {
        if (response.socket !== this.#socket) {
          this.#bytesBefore += this.#socket?.bytesRead ?? 0;
          this.#socket = response.socket;
        }
        buffer(response).then((body) => done({ response, body }), fail);
      }).on("error", fail);
    });
  }
}

function addressOf(viewer: number): string {
  return `10.${(viewer >> 16) & 255}.${(viewer >> 8) & 255}.${viewer & 255}`;
}
