/*
 * A peer of the seat map: Colyseus. One room has the whole hall. It lives in one of the processes,
 * to which the matchmaker sends everybody, so it can decide by itself. What it knows ends with it.
 *
 *     node dist/seats-colyseus.js VALKEY_URL SEATS HOLD_MS DATABASE PORT     prints its port
 */

import { createServer } from "node:http";
import { holdMs, port, untyped, valkeyUrl } from "./serve.js";

const SWEEP_MS = 1_000;
const { Room, Server } = untyped("@colyseus/core");
const { RedisDriver } = untyped("@colyseus/redis-driver");
const { RedisPresence } = untyped("@colyseus/redis-presence");
const { Encoder, schema, t } = untyped("@colyseus/schema");
const { WebSocketTransport } = untyped("@colyseus/ws-transport");
const redis = { host: new URL(valkeyUrl).hostname, port: Number(new URL(valkeyUrl).port) };

interface Client {
  readonly userData: { readonly user: string };
  send(type: string, message: unknown): void;
}
interface Request {
  /** Answers name their requests. */
  readonly id: number;
  readonly seat: number;
}

// As its warning asks for if the whole state is larger than the default.
Encoder.BUFFER_SIZE = 1_048_576;
const Hall = schema({ taken: t.map("boolean") }, "Hall");

class SeatRoom extends Room {
  state = new Hall();
  autoDispose = false;
  readonly #seats = new Map<number, { readonly owner: string; endMs: number }>();
  messages = {
    take: (client: Client, { id, seat }: Request) => {
      const owner = client.userData.user;
      this.#sweep();
      if (!this.#seats.has(seat)) {
        this.#seats.set(seat, { owner, endMs: Date.now() + holdMs });
        this.state.taken.set(String(seat), true);
      }
      client.send("answer", { id, outcome: this.#seats.get(seat)?.owner === owner ? "done" : "taken" });
    },
    giveBack: (client: Client, { id, seat }: Request) => {
      const isOwn = this.#seats.get(seat)?.owner === client.userData.user;
      if (isOwn) this.#free(seat);
      client.send("answer", { id, outcome: isOwn ? "done" : "taken" });
    },
    pay: (client: Client, { id }: Request) => {
      this.#sweep();
      const own = [...this.#seats].filter(([, { owner }]) => owner === client.userData.user);
      for (const [, seat] of own) seat.endMs = Number.POSITIVE_INFINITY;
      client.send("answer", { id, outcome: own.map(([seat]) => seat) });
    },
  };

  onCreate() {
    this.clock.setInterval(() => this.#sweep(), SWEEP_MS);
  }

  onJoin(client: { userData: unknown }, { user }: { user: string }) {
    client.userData = { user };
  }

  #sweep() {
    for (const [seat, { endMs }] of this.#seats) if (endMs <= Date.now()) this.#free(seat);
  }

  #free(seat: number) {
    this.#seats.delete(seat);
    this.state.taken.set(String(seat), false);
  }
}

const http = createServer();
const server = new Server({
  transport: new WebSocketTransport({ server: http }),
  presence: new RedisPresence(redis),
  driver: new RedisDriver(redis),
  publicAddress: `127.0.0.1:${port}`,
  greet: false,
});
server.define("seats", SeatRoom);
await server.listen(port, "127.0.0.1");
process.stdout.write(`port ${port}\n`);
