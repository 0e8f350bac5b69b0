/* The records of boards on Valkey: one hash and one channel for all boards, in their own slot. */

import { type BoardRecord, type BoardRecords, formatBoardRecord, parseBoardRecord } from "../boards.js";
import { ofBoard } from "../by-board.js";
import { type Damages, ofNoPage } from "../damage.js";
import type { Durabilities } from "../durability.js";
import type { Unsubscribe } from "../listeners.js";
import type { ValkeyLink } from "./routing/link.js";
import type { Names } from "./scripts/keys.js";
import { loadScript } from "./scripts/scripts.js";

const BOARD = loadScript("board");
/** The field that stands for no board. */
const WRITTEN = "";

export class ValkeyBoards implements BoardRecords {
  readonly #link: ValkeyLink;
  readonly #names: Names;
  readonly #durabilities: Durabilities;
  readonly #damages: Damages;

  constructor(link: ValkeyLink, names: Names, durabilities: Durabilities, damages: Damages) {
    this.#link = link;
    this.#names = names;
    this.#durabilities = durabilities;
    this.#damages = damages;
  }

  async list(): Promise<ReadonlyMap<string, BoardRecord> | undefined> {
    const key = this.#names.boards.records;
    const reply = await this.#link.command(key, "HGETALL", key).catch(ofNoPage(key));
    const texts = Array.isArray(reply) ? reply.map(String) : [];
    const records = new Map<string, BoardRecord>();
    let isWritten = false;
    for (let at = 0; at + 1 < texts.length; at += 2) {
      const [name = "", text = ""] = texts.slice(at, at + 2);
      const record = parseBoardRecord(text);
      if (name === WRITTEN) isWritten = true;
      else if (record) records.set(name, record);
      if (name !== WRITTEN) this.#damages.found(`board ${name}`, "record", record !== undefined);
    }
    return isWritten ? records : undefined;
  }

  change(name: string, before: BoardRecord | undefined, after: BoardRecord | undefined): Promise<boolean> {
    const { records, channel } = this.#names.boards;
    const [old, next] = [before, after].map((record) => (record ? formatBoardRecord(record) : ""));
    const call = {
      script: BOARD,
      keys: [records],
      args: [channel, this.#link.publish, name, old ?? "", next ?? ""],
      read: (reply: unknown) => Number(reply) === 1,
    };
    return this.#link.run(call, ofBoard(this.#durabilities, name)).catch(ofNoPage(records));
  }

  subscribe(changed: () => void): Promise<Unsubscribe> {
    return this.#link.subscribe(this.#names.boards.channel, { message: () => changed(), resumed: () => changed() });
  }
}
