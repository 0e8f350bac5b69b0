/*
 * Seats for an evening: everyone sees the hall live. The first visitor to pick a seat holds it for
 * five minutes, whichever instance they use, and a payment makes it theirs.
 *
 * The app stores nothing itself. The board has claims, so the store knows who has each seat, and
 * until when. Any running instance frees a seat whose hold has ended.
 */

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseCookie } from "cookie";
import express from "express";
import { Server } from "socket.io";
import { attachBoards, ownerOf, Refusal } from "socketscaler";
import { SEATS, seatName } from "./hall.js";

const { VALKEY_URL: valkeyUrl, PORT = "3000", DATA_DIR: dataDir, HOLD = "5m" } = process.env;
/** All instances. A tab whose own instance is gone uses another one. */
const { INSTANCES = `http://localhost:${PORT}` } = process.env;
/** Longer than the bank ever takes. */
const PAYMENT_MS = 60_000;

const app = express();
const http = createServer(app);
const io = new Server(http);

// A cookie identifies the visitor, to the board and to /pay. A real shop would use its session.
const visitorOf = (request: IncomingMessage) => parseCookie(request.headers.cookie ?? "").visitor;
app.get("/", (request, response, next) => {
  response.cookie("visitor", visitorOf(request) || randomUUID(), { httpOnly: true, sameSite: "lax" });
  next();
});
app.use(express.static(fileURLToPath(new URL("dist", import.meta.url))));
app.get("/instances", (_request, response) => void response.json(INSTANCES.split(",")));

const boards = await attachBoards(io, app, {
  boards: { seats: SEATS },
  claims: `seats=${HOLD}`,
  valkeyUrl,
  dataDir,
  settings: { ORIGINS: INSTANCES },
  authorise: ({ cookies: { visitor } }) =>
    visitor ? { subject: visitor, boards: { seats: "write" } } : { boards: { seats: "view" } },
});
const seats = boards.board("seats");

app.post("/pay", async (request, response) => {
  // The web page of another instance may pay here.
  const { origin = "" } = request.headers;
  if (INSTANCES.split(",").includes(origin)) {
    response.set({ "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true" });
  }
  const subject = visitorOf(request);
  if (!subject) return void response.sendStatus(401);
  const owner = ownerOf({ subject });
  const held = (await seats.claims()).filter((claim) => claim.owner === owner && claim.endMs !== undefined);
  const cells = held.map(({ cell }) => cell);
  if (cells.length === 0) return void response.sendStatus(409);
  try {
    // No hold ends while the bank is at work.
    await seats.extend(cells, PAYMENT_MS, { subject });
    await pause(1_000); // The bank takes the money.
    await seats.confirm(cells, { subject });
    response.json(cells.map(seatName));
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "TAKEN")) throw error;
    // The visitor has given a seat back meanwhile, so nothing is sold. The bank returns the money.
    response.sendStatus(409);
  }
});

seats.onExpired((cells) => console.log(`Not paid for in time: ${cells.map(seatName).join(", ")}`));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await boards.drain();
    await io.close();
  });
}
http.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`));
