/* The peers that send one event per change, as the harness sees them. */

import { ask } from "../../test/support/resp.js";
import type { ServerProcess } from "../../test/support/valkey-server.js";
import { peerArgs } from "./peers.js";
import { readOnce } from "./read-once.js";
import { SocketIoWire } from "./socket-io-wire.js";
import type { BoardClient, Changed, System } from "./system.js";
import { Wire } from "./wire.js";

const BITS = "peer:bits";

/** A bitmap under one key, as SETBIT makes it. */
export function bitmapUnder(key: string): System["stored"] {
  return async (valkey) => {
    const reply = await ask(valkey.port, "GET", key);
    const bits = Buffer.isBuffer(reply) ? reply : Buffer.alloc(0);
    return (cell) => (((bits[cell >>> 3] ?? 0) >>> (7 - (cell & 7))) & 1) === 1;
  };
}

export const storedBitmap = bitmapUnder(BITS);

async function storedArray(valkey: ServerProcess): Promise<(cell: number) => boolean> {
  const reply = await ask(valkey.port, "GET", "checkboxes");
  const state: unknown = JSON.parse(String(reply ?? "[]"));
  return (cell) => Array.isArray(state) && state[cell] === true;
}

/** The changes in a message, in its order. */
type Changes = readonly (readonly [cell: number, value: boolean])[];

/** The state of a client of these peers: the last value received for each cell. */
class LastValues {
  readonly #values: Uint8Array;
  readonly #changed: Changed;

  constructor(cells: number, changed: Changed) {
    this.#values = new Uint8Array(cells);
    this.#changed = changed;
  }

  get(cell: number): boolean {
    return this.#values[cell] === 1;
  }

  receive(changes: Changes): void {
    for (const [cell, value] of changes) {
      this.#values[cell] = value ? 1 : 0;
      this.#changed(cell, value);
    }
  }
}

/** With a frame for each change, 200 clients of 4 servers get 10,000 frames a second each. */
const PER_CHANGE_RATE_MAX = 5_000;

interface Spoken {
  /** The event that clients send, as JSON. */
  readonly write: (cell: number, value: boolean) => string;
  readonly isAcknowledged: boolean;
  /** The event that clients receive, up to the cell's number. */
  readonly heard: string;
}

function socketIoPeer(
  name: string,
  about: string,
  args: System["args"],
  { write, isAcknowledged, heard }: Spoken,
  stored: System["stored"],
): System {
  const pattern = new RegExp(`^${heard.replace(/[[\]{}"]/g, "\\$&")}(\\d+),"value":(true|false)`);
  const read = readOnce((json: string): Changes => {
    const match = pattern.exec(json);
    return match ? [[Number(match[1]), match[2] === "true"]] : [];
  });
  return {
    name,
    about,
    isPerChange: true,
    rateMax: PER_CHANGE_RATE_MAX,
    args,
    stored,
    connect: async (url, cells, changed) => {
      const values = new LastValues(cells, changed);
      const wire = await SocketIoWire.open(url, "/", {
        event: (json) => values.receive(read(json)),
        binary: () => undefined,
      });
      return clientOf(wire, values, (cell, value) => {
        if (isAcknowledged) void wire.ask(write(cell, value));
        else wire.emit(write(cell, value));
      });
    },
  };
}

function clientOf(wire: SocketIoWire | Wire, values: LastValues, set: BoardClient["set"]): BoardClient {
  return {
    set,
    get: (cell) => values.get(cell),
    get received() {
      return wire.received;
    },
    get isOpen() {
      return wire.isOpen;
    },
    close: () => wire.close(),
  };
}

const SET: Spoken = {
  write: (cell, value) => `["set",{"cell":${cell},"value":${value}}]`,
  isAcknowledged: true,
  heard: '["change",{"cell":',
};

export const teaching = socketIoPeer(
  "teaching design",
  "Express + Socket.IO + Pub/Sub, the state as a JSON array under one key, read, changed and written back",
  peerArgs("teaching.ts"),
  {
    write: (cell, value) => `["checkbox-update",{"index":${cell},"value":${value}}]`,
    isAcknowledged: false,
    heard: '["checkbox-update",{"index":',
  },
  storedArray,
);

export const redisAdapter = socketIoPeer(
  "Socket.IO + redis-adapter",
  "Socket.IO with @socket.io/redis-adapter, an atomic SETBIT and one emit per change",
  peerArgs("socket-io.ts", "redis"),
  SET,
  storedBitmap,
);

export const streamsAdapter = socketIoPeer(
  "Socket.IO + redis-streams-adapter",
  "Socket.IO with @socket.io/redis-streams-adapter and connection state recovery, SETBIT and one emit per change",
  peerArgs("socket-io.ts", "streams"),
  SET,
  storedBitmap,
);

/** `CELL,VALUE`, or some of them with spaces between. */
const readChanges = readOnce(
  (text: string): Changes =>
    text.split(" ").map((change) => {
      const comma = change.indexOf(",");
      return [Number(change.slice(0, comma)), change.endsWith("1")];
    }),
);

function wsPeer(name: string, about: string, coalesceMs: number): System {
  return {
    name,
    about,
    isPerChange: coalesceMs === 0,
    ...(coalesceMs === 0 && { rateMax: PER_CHANGE_RATE_MAX }),
    args: peerArgs("ws-pubsub.ts", coalesceMs),
    stored: storedBitmap,
    connect: async (url, cells, changed) => {
      const values = new LastValues(cells, changed);
      const wire = await Wire.open(url, "/", {
        text: (text) => values.receive(readChanges(text)),
        binary: () => undefined,
      });
      return clientOf(wire, values, (cell, value) => wire.send(`${cell},${value ? 1 : 0}`));
    },
  };
}

/** The floor of one message per change: no framework. */
export const wsPubSub = wsPeer(
  "ws + Pub/Sub",
  "bare ws, SETBIT and PUBLISH in one round trip, one text message per change, slow clients skipped",
  0,
);

/** The longest that ours waits (FLUSH_UNSEEN_MS). */
const COALESCE_MS = 60;

/**
 * The plain design without anything that a guarantee needs. It is a design, not a bound: unlike
 * ours, it neither commits in groups nor leaves Pub/Sub unread while it waits to send.
 */
export const wsCoalesced = wsPeer(
  "floor: ws + Pub/Sub, coalesced",
  `bare ws and Pub/Sub with one message every ${COALESCE_MS} ms, without acknowledgement, order or catching up`,
  COALESCE_MS,
);
