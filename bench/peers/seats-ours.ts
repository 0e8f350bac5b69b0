/*
 * The seat map that its peers are compared with: SocketScaler's, as an app embeds it. The board has
 * claims, so the store judges who has a seat and for how long.
 *
 *     node dist/seats-ours.js VALKEY_URL SEATS HOLD_MS DATABASE PORT     prints its port
 */

import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io";
import { cells, holdMs, ours, port, serve, valkeyUrl } from "./serve.js";

const { attachBoards, ownerOf } = await ours();
const app = express();
const http = createServer(app);

const boards = await attachBoards(new Server(http), app, {
  boards: { seats: Number(cells) },
  claims: `seats=${holdMs / 1_000}s`,
  valkeyUrl,
  authorise: ({ token = "" }) => ({ subject: token, boards: { seats: "write" } }),
  // The limits against abuse, which a benchmark resembles.
  settings: { WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" },
});
const seats = boards.board("seats");

app.post("/pay", async (request, response) => {
  const subject = request.get("authorization") ?? "";
  const own = (await seats.claims()).filter(({ owner }) => owner === ownerOf({ subject })).map(({ cell }) => cell);
  await seats.confirm(own, { subject });
  response.json(own);
});

serve(http, port);
