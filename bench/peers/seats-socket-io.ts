/*
 * A peer of the seat map: Socket.IO on several servers with a database. The primary key of a table
 * gives a seat one owner, one statement takes it, and each server sweeps holds that have ended. The
 * database is an SQLite file, which servers on one machine can share; others need a server for it.
 *
 *     node dist/seats-socket-io.js VALKEY_URL SEATS HOLD_MS DATABASE PORT     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { database, holdMs, port, redisUrl, serve, untyped } from "./serve.js";

const SWEEP_MS = 1_000;
const { DatabaseSync } = untyped("node:sqlite");
const { createAdapter } = untyped("@socket.io/redis-adapter");

const db = new DatabaseSync(database, { timeout: 5_000 });
db.exec("PRAGMA journal_mode = WAL");
db.exec("PRAGMA synchronous = NORMAL");
db.exec("CREATE TABLE IF NOT EXISTS seats (seat INTEGER PRIMARY KEY, owner TEXT NOT NULL, endMs INTEGER)");
const take = db.prepare(
  `INSERT INTO seats VALUES (:seat, :owner, :endMs) ON CONFLICT (seat) DO UPDATE
   SET owner = :owner, endMs = :endMs WHERE seats.endMs <= :now`,
);
const ownerOf = db.prepare("SELECT owner FROM seats WHERE seat = ?");
const giveBack = db.prepare("DELETE FROM seats WHERE seat = ? AND owner = ?");
const pay = db.prepare("UPDATE seats SET endMs = NULL WHERE owner = ? AND endMs > ? RETURNING seat");
const sweep = db.prepare("DELETE FROM seats WHERE endMs <= ? RETURNING seat");
const all = db.prepare("SELECT seat FROM seats");

const http = createServer();
const io = new Server(http, { adapter: createAdapter(new Redis(redisUrl), new Redis(redisUrl)) });
const show = (seat: number, isTaken: boolean) => io.emit("change", { seat, isTaken });
const seatsIn = (rows: readonly { readonly seat: number }[]) => rows.map(({ seat }) => seat);

io.on("connection", (socket) => {
  const { user: owner } = socket.handshake.auth;
  socket.emit("state", seatsIn(all.all()));
  socket.on("take", ({ seat }: { seat: number }, answer: (outcome: string) => void) => {
    const now = Date.now();
    const isNew = take.run({ seat, owner, endMs: now + holdMs, now }).changes > 0;
    if (isNew) show(seat, true);
    // One who asks again, because the answer was lost, has it already.
    answer(isNew || ownerOf.get(seat)?.owner === owner ? "done" : "taken");
  });
  socket.on("give back", ({ seat }: { seat: number }, answer: (outcome: string) => void) => {
    const isGiven = giveBack.run(seat, owner).changes > 0;
    if (isGiven) show(seat, false);
    answer(isGiven ? "done" : "taken");
  });
  socket.on("pay", (_: unknown, answer: (seats: number[]) => void) => answer(seatsIn(pay.all(owner, Date.now()))));
});
setInterval(() => {
  for (const seat of seatsIn(sweep.all(Date.now()))) show(seat, false);
}, SWEEP_MS);

serve(http, port);
