/*
 * Naive version of step 2: the state moves to Valkey, as one JSON array under one key, and Pub/Sub
 * carries each change to every instance. Between the read and the write back, others read the same
 * old array. The last write wins and undoes the others.
 *
 *     A   GET [0 0]          SET [1 0]
 *     B        GET [0 0]              SET [0 1]      A's click is gone
 */

import { Redis } from "ioredis";
import { type Acknowledge, type CheckboxUpdate, type NaiveInstance, openWebServer } from "./web-server.js";

const KEY = "checkboxes";
const CHANNEL = "server:broker";

export async function start(valkeyUrl: string, cells: number, port = 0): Promise<NaiveInstance> {
  const { app, io, url, close } = await openWebServer(port);
  const address = valkeyUrl.replace(/^valkey:/, "redis:");
  const [redis, publisher, subscriber] = [new Redis(address), new Redis(address), new Redis(address)];

  async function readState(): Promise<boolean[]> {
    const text = await redis.get(KEY);
    return text ? JSON.parse(text) : new Array(cells).fill(false);
  }

  app.get("/state", async (_, response) => void response.json({ state: await readState() }));
  io.on("connection", (socket) => {
    socket.on("checkbox-update", async ({ index, value }: CheckboxUpdate, acknowledge?: Acknowledge) => {
      const state = await readState();
      state[index] = value;
      await redis.set(KEY, JSON.stringify(state));
      await publisher.publish(CHANNEL, JSON.stringify({ index, value }));
      acknowledge?.({ ok: true });
    });
  });
  subscriber.on("message", (_channel, message) => io.emit("checkbox-update", JSON.parse(message)));
  await subscriber.subscribe(CHANNEL);
  return {
    url,
    close: async () => {
      await close();
      for (const connection of [redis, publisher, subscriber]) connection.disconnect();
    },
  };
}
