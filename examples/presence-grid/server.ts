/*
 * A reading room: people check the desk that they sit at, and everyone sees which desks are free.
 *
 * Nobody has to check out. Each desk is a lease of ten seconds, which the tab renews while it is
 * open. If the tab, its computer or its instance is gone, any running instance frees the desk.
 */

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import express from "express";
import { Server } from "socket.io";
import { attachBoards } from "socketscaler";
import { DESKS } from "./desks.js";

const { VALKEY_URL: valkeyUrl, PORT = "3000", DATA_DIR: dataDir } = process.env;
/** All instances. A tab whose own instance is gone uses another one. */
const { INSTANCES = `http://localhost:${PORT}` } = process.env;

const app = express();
const http = createServer(app);
const io = new Server(http);

app.use(express.static(fileURLToPath(new URL("dist", import.meta.url))));
app.get("/instances", (_request, response) => void response.json(INSTANCES.split(",")));

const boards = await attachBoards(io, app, {
  boards: { room: DESKS },
  claims: "room=lease:10s",
  valkeyUrl,
  dataDir,
});
boards.board("room").onExpired((desks) => {
  for (const desk of desks) console.log(`Nobody is at desk ${desk + 1} any more`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await boards.drain();
    await io.close();
  });
}
http.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`));
