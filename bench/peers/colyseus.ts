/*
 * A peer: Colyseus. One of its rooms lives in one process, so every process has one for the board,
 * and the rooms exchange changes over the Redis presence. SETBIT keeps the state. Its schema sends
 * clients the merged changes at each patch, by default every 50 ms. That is about as often as ours
 * sends frames under the same load.
 *
 *     node dist/colyseus.js VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { untyped, valkeyUrl } from "./serve.js";

const KEY = "peer:bits";
const TOPIC = "changes";
const { matchMaker, Room, Server } = untyped("@colyseus/core");
const { RedisDriver } = untyped("@colyseus/redis-driver");
const { RedisPresence } = untyped("@colyseus/redis-presence");
const { Encoder, schema, t } = untyped("@colyseus/schema");
const { WebSocketTransport } = untyped("@colyseus/ws-transport");

const { hostname, port } = new URL(valkeyUrl);
const redis = { host: hostname, port: Number(port) };
const commands = new Redis(redis);

interface Change {
  readonly cell: number;
  readonly value: boolean;
}

// As its warning asks for if the whole state is larger than the default.
Encoder.BUFFER_SIZE = 1_048_576;

const BoardState = schema({ cells: t.map("boolean") }, "BoardState");

class BoardRoom extends Room {
  state = new BoardState();
  autoDispose = false;
  messages = {
    set: async (_client: unknown, { cell, value }: Change) => {
      await commands.setbit(KEY, cell, value ? 1 : 0);
      await this.presence.publish(TOPIC, { cell, value });
    },
  };

  async onCreate() {
    await this.presence.subscribe(TOPIC, ({ cell, value }: Change) => this.state.cells.set(String(cell), value));
  }
}

const http = createServer();
const server = new Server({
  // By default it drops clients after six seconds, which overloaded clients may need here.
  transport: new WebSocketTransport({ server: http, pingInterval: 10_000, pingMaxRetries: 5 }),
  presence: new RedisPresence(redis),
  driver: new RedisDriver(redis),
  greet: false,
  // It would end at SIGUSR2, with which the benchmark has the garbage collected.
  gracefullyShutdown: false,
  // Creates the room in the process that was asked, not in the one with the fewest rooms.
  selectProcessIdToCreateRoom: () => matchMaker.processId,
});
// Clients join the room of the process to which they are connected.
server.define("board", BoardRoom).filterBy(["server"]);
await server.listen(0, "127.0.0.1");
const address = http.address();
if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
