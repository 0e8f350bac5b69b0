/* A client of SocketScaler over Socket.IO, made of the codec and the replica. */

import { decodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta } from "../../src/protocol/delta-text.js";
import { readOnce } from "./read-once.js";
import { SocketIoWire } from "./socket-io-wire.js";
import type { BoardClient, Changed } from "./system.js";
import { codeOf, expectWatched, newSession, readOpened, WatchedBoard, WatchingClient } from "./watched-board.js";

/** Watches some pages of board `main`. A frame that several clients receive is decoded once. */
export class SocketIoClient extends WatchingClient<SocketIoWire> implements BoardClient {
  readonly #session = newSession();

  static async open(url: string, pages: readonly number[], changed: Changed): Promise<SocketIoClient> {
    const board = new WatchedBoard(pages, changed);
    const self = new SocketIoClient(board);
    const wire = await SocketIoWire.open(url, "/boards", {
      event: (json) => {
        if (json.startsWith(DELTA)) board.receive(decodeOnce(json)?.content);
      },
      binary: (bytes) => board.receive(decodeSnapshot(bytes, (_, page) => board.cellsOf(page))?.content),
    });
    self.wire = wire;
    const [opened] = await wire.ask('["open",{"board":"main","protocol":1}]');
    const { handle, size } = readOpened(opened);
    self.handle = handle;
    board.opened(size);
    const [watched] = await wire.ask(JSON.stringify(["watch", { handle, pages }]));
    expectWatched(watched);
    return self;
  }

  set(cell: number, value: boolean): void {
    void this.#write(cell, value);
  }

  async #write(cell: number, value: boolean): Promise<void> {
    const changes = [[this.board.firstCell + cell, value ? 1 : 0]];
    const request = { handle: this.handle, session: this.#session, seq: ++this.seq, changes };
    const [answer] = (await this.wire?.ask(JSON.stringify(["write", request]))) ?? [];
    const code = refusalCode(answer);
    if (code !== undefined) this.refused.push({ cell, code });
  }
}

/** The code that a write was refused with; undefined if it was made. */
function refusalCode(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null) return "no answer";
  return "error" in answer ? codeOf(answer.error) : undefined;
}

const DELTA = '["delta","';
const DELTA_END = '"]';
const decodeOnce = readOnce((json: string) => decodeDelta(json.slice(DELTA.length, -DELTA_END.length)));
