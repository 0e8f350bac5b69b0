/*
 * Naive version of steps 3 to 6: the lost update is fixed. A click is one SETBIT, which is atomic
 * in Valkey, together with the PUBLISH. Still wrong:
 *
 *     step 3   a newcomer reads the board, then starts to listen: clicks in between are missed
 *     step 4   nobody notices if Pub/Sub loses a message
 *     step 5   each click is a round trip to Valkey, and a frame to every client
 *     step 6   a click without an answer is lost when the instance dies
 */

import { Redis } from "ioredis";
import { type Acknowledge, type CheckboxUpdate, type NaiveInstance, openWebServer } from "./web-server.js";

export const BITS_KEY = "bits";
const CHANNEL = "changes";

export interface BitmapInstance extends NaiveInstance {
  readonly bitmap: Bitmap;
}

export async function start(valkeyUrl: string, cells: number, port = 0): Promise<BitmapInstance> {
  const { io, url, close } = await openWebServer(port);
  const bitmap = new Bitmap(valkeyUrl, cells);
  io.on("connection", async (socket) => {
    socket.on("checkbox-update", async ({ index, value }: CheckboxUpdate, acknowledge?: Acknowledge) => {
      await bitmap.set(index, value);
      acknowledge?.({ ok: true });
    });
    socket.emit("state", await bitmap.read());
    await socket.join("board");
  });
  await bitmap.subscribe((update) => io.to("board").emit("checkbox-update", update));
  return {
    url,
    bitmap,
    close: async () => {
      await close();
      bitmap.close();
    },
  };
}

class Bitmap {
  /** For the scene: awaited before a read returns, as on a slow network. */
  answered: () => Promise<void> = async () => undefined;
  /** For the scene: true loses the message, as Pub/Sub may. */
  lose: () => boolean = () => false;
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #cells: number;

  constructor(valkeyUrl: string, cells: number) {
    const address = valkeyUrl.replace(/^valkey:/, "redis:");
    this.#commands = new Redis(address);
    this.#subscriber = new Redis(address);
    this.#cells = cells;
    // Both reconnect by themselves.
    for (const connection of [this.#commands, this.#subscriber]) connection.on("error", () => undefined);
  }

  async read(): Promise<boolean[]> {
    const bytes = (await this.#commands.getBuffer(BITS_KEY)) ?? Buffer.alloc(0);
    await this.answered();
    return Array.from({ length: this.#cells }, (_, cell) => ((bytes[cell >> 3] ?? 0) & (128 >> (cell & 7))) !== 0);
  }

  async set(index: number, value: boolean): Promise<void> {
    const message = JSON.stringify({ index, value });
    await this.#commands
      .multi()
      .setbit(BITS_KEY, index, value ? 1 : 0)
      .publish(CHANNEL, message)
      .exec();
  }

  async subscribe(listener: (update: CheckboxUpdate) => void): Promise<void> {
    this.#subscriber.on("message", (_channel, message) => {
      if (!this.lose()) listener(JSON.parse(message));
    });
    await this.#subscriber.subscribe(CHANNEL);
  }

  close(): void {
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }
}
