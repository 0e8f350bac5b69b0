/*
 * Naive version of step 1: the board is an array in the process. That is correct for one instance.
 * A second one has its own board, because `io.emit` reaches only the clients of its own process.
 */

import { type Acknowledge, type CheckboxUpdate, type NaiveInstance, openWebServer } from "./web-server.js";

/** It has no use for Valkey. */
export async function start(_valkeyUrl: string, cells: number, port = 0): Promise<NaiveInstance> {
  const { app, io, url, close } = await openWebServer(port);
  const state: boolean[] = new Array(cells).fill(false);
  app.get("/state", (_, response) => void response.json({ state }));
  io.on("connection", (socket) => {
    socket.on("checkbox-update", ({ index, value }: CheckboxUpdate, acknowledge?: Acknowledge) => {
      state[index] = value;
      io.emit("checkbox-update", { index, value });
      acknowledge?.({ ok: true });
    });
  });
  return { url, close };
}
