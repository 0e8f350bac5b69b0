/*
 * A peer: Colyseus. A Colyseus room lives in one process, so every process has one for the board, and the rooms tell each other
 * of changes over the Redis presence; SETBIT for the state. Its schema sends clients what changed, merged, at each patch:
 * every 50 ms, as Colyseus has it by default, and so about as rarely as ours sends its frames under the same load.
 *
 *     tsx bench/peers/colyseus.ts VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Redis } from "ioredis";

const [, , valkeyUrl = ""] = process.argv;
const KEY = "peer:bits";
const TOPIC = "changes";
// Installed for the benchmark alone, so that types and linter do without it.
const require = createRequire(import.meta.url);
const { matchMaker, Room, Server } = require("@colyseus/core");
const { RedisPresence } = require("@colyseus/redis-presence");
const { WebSocketTransport } = require("@colyseus/ws-transport");
const { MapSchema, defineTypes, Schema } = require("@colyseus/schema");

const { hostname, port } = new URL(valkeyUrl);
const commands = new Redis(Number(port), hostname);

interface Change {
  readonly cell: number;
  readonly value: boolean;
}

class BoardState extends Schema {
  constructor() {
    super();
    // Not as a field: that would hide the accessor which `defineTypes` puts there.
    this.cells = new MapSchema();
  }
}
defineTypes(BoardState, { cells: { map: "boolean" } });

class BoardRoom extends Room {
  async onCreate() {
    this.autoDispose = false;
    this.setState(new BoardState());
    await this.presence.subscribe(TOPIC, ({ cell, value }: Change) => this.state.cells.set(String(cell), value));
    this.onMessage("set", async (_: unknown, { cell, value }: Change) => {
      await commands.setbit(KEY, cell, value ? 1 : 0);
      await this.presence.publish(TOPIC, { cell, value });
    });
  }
}

const http = createServer();
const server = new Server({
  // Its default gives clients up after six seconds, which they may take here when overwhelmed.
  transport: new WebSocketTransport({ server: http, pingInterval: 10_000, pingMaxRetries: 5 }),
  presence: new RedisPresence({ host: hostname, port: Number(port) }),
  greet: false,
  // A room for the board here, not on whichever process has the fewest.
  selectProcessIdToCreateRoom: () => matchMaker.processId,
});
server.define("board", BoardRoom);
await server.listen(0, "127.0.0.1");
const address = http.address();
if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
