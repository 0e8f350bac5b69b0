/*
 * A peer: Colyseus. A Colyseus room lives in one process, so every process has one for the board,
 * and the rooms exchange changes over the Redis presence. SETBIT keeps the state. Its schema sends
 * clients the merged changes at each patch, by default every 50 ms. That is about as often as ours
 * sends frames under the same load.
 *
 *     tsx bench/peers/colyseus.ts VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { untyped, valkeyUrl } from "./serve.js";

const KEY = "peer:bits";
const TOPIC = "changes";
const { matchMaker, Room, Server } = untyped("@colyseus/core");
const { RedisPresence } = untyped("@colyseus/redis-presence");
const { WebSocketTransport } = untyped("@colyseus/ws-transport");
const { MapSchema, defineTypes, Schema } = untyped("@colyseus/schema");

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
  // By default it drops clients after six seconds, which overloaded clients may need here.
  transport: new WebSocketTransport({ server: http, pingInterval: 10_000, pingMaxRetries: 5 }),
  presence: new RedisPresence({ host: hostname, port: Number(port) }),
  greet: false,
  // Creates the room in this process, not in the one with the fewest rooms.
  selectProcessIdToCreateRoom: () => matchMaker.processId,
});
server.define("board", BoardRoom);
await server.listen(0, "127.0.0.1");
const address = http.address();
if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
