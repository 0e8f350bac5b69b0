/*
 * Naive version of step 6, for the loss of Valkey's primary. Each change has a version, one more
 * than the last. An instance that misses one, or reconnects, reads the board again. After a
 * failover to a replica that lacks the last changes, other changes get the same versions, and
 * nobody notices:
 *
 *     primary   … 5 │ 6a 7a 8a     an instance has seen 8a; then the primary dies
 *     replica   … 5 │ 6b 7b 8b     the instance asks: "version 8?" "8." "Then I have everything."
 */

import { Redis } from "ioredis";
import { type Acknowledge, type CheckboxUpdate, type NaiveInstance, openWebServer } from "./web-server.js";

const CHANNEL = "changes";
const COMMIT = `
  local version = redis.call("INCR", KEYS[1])
  redis.call("SETBIT", KEYS[2], ARGV[1], ARGV[2])
  redis.call("PUBLISH", ARGV[3], version .. "," .. ARGV[1] .. "," .. ARGV[2])`;

export async function start(valkeyUrl: string, cells: number, port = 0): Promise<NaiveInstance> {
  const { io, url, close } = await openWebServer(port);
  const address = valkeyUrl.replace(/^valkey:/, "redis:");
  const [redis, subscriber] = [new Redis(address), new Redis(address)];
  const held = { version: 0, state: new Array<boolean>(cells).fill(false) };

  async function readBoard(): Promise<void> {
    const [version, bits] = await Promise.all([redis.get("version"), redis.getBuffer("bits")]);
    // "The same version, so nothing was missed."
    if (Number(version) === held.version) return;
    held.version = Number(version);
    held.state = held.state.map((_, cell) => ((bits?.[cell >> 3] ?? 0) & (128 >> (cell & 7))) !== 0);
    io.emit("state", held.state);
  }

  io.on("connection", (socket) => {
    socket.on("checkbox-update", async ({ index, value }: CheckboxUpdate, acknowledge?: Acknowledge) => {
      await redis.eval(COMMIT, 2, "version", "bits", index, value ? 1 : 0, CHANNEL);
      acknowledge?.({ ok: true });
    });
    socket.emit("state", held.state);
  });
  subscriber.on("message", (_channel, message) => {
    const [version = 0, index = 0, value] = message.split(",").map(Number);
    if (version !== held.version + 1) return void readBoard();
    held.version = version;
    held.state[index] = value === 1;
    io.emit("checkbox-update", { index, value: value === 1 });
  });
  for (const connection of [redis, subscriber]) connection.on("error", () => undefined);
  subscriber.on("ready", () => void readBoard().catch(() => undefined));
  await subscriber.subscribe(CHANNEL);
  return {
    url,
    version: () => held.version,
    close: async () => {
      await close();
      for (const connection of [redis, subscriber]) connection.disconnect();
    },
  };
}
