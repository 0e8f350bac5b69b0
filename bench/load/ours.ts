/*
 * SocketScaler as the harness sees it: the built server with its limits raised, and a client made
 * of the codec and the replica.
 */

import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { readPage } from "../../src/bench/deployment.js";
import { frameHeaderBytes } from "../../src/bench/wire-size.js";
import { type Bit, getBit } from "../../src/board/bitmap.js";
import { cellAt, cellsInPage, offsetOf, pageCount, pageOf } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import { decodeDelta, decodeSnapshot } from "../../src/protocol/codec.js";
import { readOnce } from "./read-once.js";
import { SocketIoWire } from "./socket-io-wire.js";
import type { BoardClient, Changed, Refused, System } from "./system.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** Lifts the limits against abuse, which a benchmark resembles. All else is the default. */
export const NO_LIMITS = {
  WRITES_PER_SECOND: "1000000",
  WRITE_BURST: "1000000",
  CONNECTIONS_PER_ADDRESS: "100000",
  CONNECTS_PER_SECOND: "100000",
  HTTP_PER_MINUTE: "10000000",
};

export function oursOn(boards: string, flags: Readonly<Record<string, string>> = {}): System {
  return {
    name: "SocketScaler",
    about: "this project, as built, with default settings except for the limits against abuse",
    isPerChange: false,
    args: () => [MAIN, "serve"],
    env: (valkey) => ({ PORT: "0", HOST: "127.0.0.1", VALKEY_URL: valkey.url, BOARDS: boards, ...NO_LIMITS, ...flags }),
    connect: (url, cells, changed) => OurClient.open(url, pagesOf(cells), changed),
    stored: (_, url, cells) => readBoard(url, pageCount(cells)),
  };
}

export const ours = (cells: number): System => oursOn(`main=${cells}`);

function pagesOf(cells: number): number[] {
  return Array.from({ length: pageCount(cells) }, (_, page) => page);
}

async function readBoard(url: string, pages: number): Promise<(cell: number) => boolean> {
  const all = await Promise.all(Array.from({ length: pages }, (_, page) => readPage(url, "main", page)));
  return (cell) => getBit(all[pageOf(cell)]?.bits ?? new Uint8Array(), offsetOf(cell)) === 1;
}

/**
 * Watches some pages of board `main`. Cells are numbered from the first of these pages. A frame
 * that several clients of this process receive is decoded once.
 */
export class OurClient implements BoardClient {
  readonly #replicas = new Map<number, Replica>();
  readonly #session = randomBytes(16).toString("base64url").slice(0, 22);
  readonly #firstCell: number;
  readonly #changed: Changed;
  #wire: SocketIoWire | undefined;
  #handle = 0;
  #seq = 0;
  readonly refused: Refused[] = [];
  gaps = 0;
  /** Bytes of delta frames, with their WebSocket headers. */
  deltaBytes = 0;
  /** Called after each delta frame. */
  framed: () => void = () => undefined;

  private constructor(firstCell: number, changed: Changed) {
    this.#firstCell = firstCell;
    this.#changed = changed;
  }

  static async open(url: string, pages: readonly number[], changed: Changed = () => undefined): Promise<OurClient> {
    const self = new OurClient(cellAt(pages[0] ?? 0, 0), changed);
    const wire = await SocketIoWire.open(url, "/boards", {
      event: (json) => {
        if (!json.startsWith(DELTA)) return;
        const payload = EVENT.length + json.length;
        self.deltaBytes += payload + frameHeaderBytes(payload);
        self.#receive(decodeOnce(json)?.content);
        self.framed();
      },
      binary: (bytes) => {
        const frame = decodeSnapshot(bytes, (_, page) => self.#replicas.get(page)?.cells);
        self.#receive(frame?.content);
      },
    });
    self.#wire = wire;
    const [opened] = await wire.ask('["open",{"board":"main","protocol":1}]');
    const { handle, size } = readOpened(opened);
    self.#handle = handle;
    for (const page of pages) self.#replicas.set(page, new Replica(page, cellsInPage(size, page)));
    const [watched] = await wire.ask(JSON.stringify(["watch", { handle, pages }]));
    if (typeof watched !== "object" || watched === null || "error" in watched) throw new Error(JSON.stringify(watched));
    return self;
  }

  get received(): { readonly frames: number; readonly bytes: number } {
    return this.#wire?.received ?? { frames: 0, bytes: 0 };
  }

  get isOpen(): boolean {
    return this.#wire?.isOpen ?? false;
  }

  set(cell: number, value: boolean): void {
    void this.#write(cell, value ? 1 : 0);
  }

  get(cell: number): boolean {
    const at = this.#firstCell + cell;
    return this.#replicas.get(pageOf(at))?.get(offsetOf(at)) === 1;
  }

  close(): void {
    this.#wire?.close();
  }

  async #write(cell: number, value: Bit): Promise<void> {
    const changes = [[this.#firstCell + cell, value]];
    const request = { handle: this.#handle, session: this.#session, seq: ++this.#seq, changes };
    const [answer] = (await this.#wire?.ask(JSON.stringify(["write", request]))) ?? [];
    const code = refusalCode(answer);
    if (code !== undefined) this.refused.push({ cell, code });
  }

  #receive(update: Parameters<Replica["receive"]>[0] | undefined): void {
    const replica = update && this.#replicas.get(update.page);
    if (!replica) return;
    const { page } = replica;
    const first = cellAt(page, 0) - this.#firstCell;
    const outcome = replica.receive(update, (offset, value) => this.#changed(first + offset, value === 1));
    if (outcome === "gap") this.gaps++;
  }
}

/** The code that a write was refused with; undefined if it was accepted. */
function refusalCode(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null) return "no answer";
  if (!("error" in answer)) return undefined;
  const { error } = answer;
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : JSON.stringify(error);
}

const EVENT = "42/boards,";
const DELTA = '["delta","';
const DELTA_END = '"]';
const decodeOnce = readOnce((json) => decodeDelta(json.slice(DELTA.length, -DELTA_END.length)));

function readOpened(answer: unknown): { handle: number; size: number } {
  if (typeof answer === "object" && answer !== null && "handle" in answer && "size" in answer) {
    return { handle: Number(answer.handle), size: Number(answer.size) };
  }
  throw new Error(`open was answered with ${JSON.stringify(answer)}`);
}
