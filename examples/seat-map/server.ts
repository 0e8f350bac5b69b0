/*
 * Seats for an evening: everyone sees the hall live, and the first visitor to pick a seat gets it,
 * whichever instance they use.
 *
 * The board shows which seats are taken; the app itself stores the owners (owners.ts). `mayWrite`
 * runs before a write reaches the board and claims the seat in one atomic step, so no seat is given
 * away twice. If a process dies between the claim and the write, the next start or page load makes
 * the board agree with the owners (`settle`).
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

// A cookie identifies the visitor. A real shop would use its session.
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
      // A write takes seats; HTTP gives them back (below). A write is allowed whole or not at all.
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

const isOwned = async (seat: number) => (await owners.all()).has(seat);

/** Shows on the board whether the seat is owned. Repeats if the owner has changed meanwhile. */
async function settle(seat: number): Promise<void> {
  let shown: boolean;
  do {
    shown = await isOwned(seat);
    await seats.set(seat, shown);
  } while (shown !== (await isOwned(seat)));
}

/** Settles every seat whose state on the board differs from the owners. */
async function settleAll(): Promise<void> {
  const bits = await seats.bitsOf(0);
  const owned = await owners.all();
  const isShown = (seat: number) => ((bits[seat >> 3] ?? 0) & (128 >> (seat & 7))) !== 0;
  const odd = Array.from({ length: SEATS }, (_, seat) => seat).filter((seat) => isShown(seat) !== owned.has(seat));
  await Promise.all(odd.map((seat) => settle(seat).catch(settleLater)));
}

/** The next page load settles the rest. */
function settleLater(error: unknown): void {
  process.stderr.write(`The board does not match the owners yet; the next page load tries again. ${error}\n`);
}

void settleAll().catch(settleLater);

app.get("/my/seats", async (request, response) => {
  const { visitor = "" } = parseCookie(request.headers.cookie ?? "");
  await settleAll().catch(settleLater);
  response.json(Array.from(await owners.all()).flatMap(([seat, owner]) => (owner === visitor ? [seat] : [])));
});

app.delete("/my/seats/:seat", async (request, response) => {
  const { visitor = "" } = parseCookie(request.headers.cookie ?? "");
  const seat = Number(request.params.seat);
  if (!(await owners.leave(seat, visitor))) return void response.sendStatus(403);
  await settle(seat).catch(settleLater);
  response.sendStatus(204);
});

// Every instance receives every change, so each notifies only its own visitors (`local`).
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
