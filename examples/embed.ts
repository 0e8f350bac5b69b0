/*
 * A board inside your own Express and Socket.IO app. `attachBoards` adds the routes and the
 * namespace; the rest of the app stays yours. Start it twice with the same VALKEY_URL and a
 * different PORT each time, and both instances serve one board.
 */

import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io";
import { attachBoards } from "socketscaler";

const app = express();
const http = createServer(app);
const io = new Server(http);

const { VALKEY_URL, PORT = "3000" } = process.env;
await attachBoards(io, app, { boards: { seats: 240 }, ...(VALKEY_URL ? { valkeyUrl: VALKEY_URL } : {}) });

app.get("/", (_request, response) => void response.send("My own app, with a board at /boards/seats"));
http.listen(Number(PORT), () => process.stdout.write(`http://localhost:${PORT}\n`));
