/*
 * Seats for an evening: everybody sees the hall live, and whoever is first gets a seat, on whichever instance.
 *
 * The board says which seats are taken; whose they are is the app's own business (owners.ts). `mayWrite` is asked before
 * a write goes to the board, and claims the seat there in one atomic step: that is why no seat is given away twice.
 */

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseCookie } from "cookie";
import express from "express";
import { Server } from "socket.io";
import { attachBoards } from "socketscaler";
import { SEATS, seatName } from "./hall.js";
import { openOwners } from "./owners.js";

const { VALKEY_URL: valkeyUrl, PORT = "3000", DATA_DIR: dataDir } = process.env;
const owners = openOwners(valkeyUrl);

const app = express();
const http = createServer(app);
const io = new Server(http);

// Who has been to the page is known by a cookie. A real shop would have its session here.
app.get("/", (request, response, next) => {
  const { visitor = randomUUID() } = parseCookie(request.headers.cookie ?? "");
  response.cookie("visitor", visitor, { httpOnly: true, sameSite: "lax" });
  next();
});
app.use(express.static(fileURLToPath(new URL("dist", import.meta.url))));

const boards = await attachBoards(io, app, {
  boards: { seats: SEATS },
  valkeyUrl,
  dataDir,
  authorise: ({ cookies: { visitor } }) => {
    if (visitor === undefined) return { boards: { seats: "view" } };
    return {
      subject: visitor,
      boards: { seats: "write" },
      // Seats are taken by writing, and given back over HTTP (below). All of a write is allowed, or nothing of it.
      mayWrite: async ({ changes }) =>
        changes.every(({ value }) => value) &&
        owners.take(
          changes.map(({ cell }) => cell),
          visitor,
        ),
    };
  },
});
const seats = boards.board("seats");

app.get("/my/seats", async (request, response) => {
  const { visitor = "" } = parseCookie(request.headers.cookie ?? "");
  response.json(await owners.seatsOf(visitor));
});

// First nobody can take it, then it looks free, then it is: in any other order two people could have it.
app.delete("/my/seats/:seat", async (request, response) => {
  const { visitor = "" } = parseCookie(request.headers.cookie ?? "");
  const seat = Number(request.params.seat);
  if (!(await owners.startLeaving(seat, visitor))) return void response.sendStatus(403);
  await seats.set(seat, false);
  await owners.leave(seat, visitor);
  response.sendStatus(204);
});

// Every instance hears of every change, so each tells its own visitors: `local`.
let left = SEATS;
seats.onChange(
  ({ kind, changes }) => {
    for (const { value } of changes) left += value ? -1 : 1;
    const [change] = changes;
    if (kind === "delta" && change) io.local.emit("news", { seat: seatName(change.cell), taken: change.value, left });
  },
  { fromEmpty: true },
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await boards.drain();
    await io.close();
    owners.close();
  });
}
http.listen(Number(PORT), () => process.stdout.write(`http://localhost:${PORT}\n`));
