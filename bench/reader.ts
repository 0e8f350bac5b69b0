/*
 * A client in a process of its own, so that what it does is not queued behind the writer's work. Tells its parent, by
 * the machine's monotonic clock, when each change reached it.
 *
 *     reader.ts ours|bare URL [BOARD]
 */

import { io } from "socket.io-client";
import { connect } from "../src/client/index.js";

const [, , kind, url = "", name = "main"] = process.argv;
const arrived = () => process.send?.({ atMs: monotonicMs() });

if (kind === "ours") {
  const board = connect(url).board(name);
  await board.ready;
  await board.watch({ start: 0, end: board.size }).ready;
  board.on("change", arrived);
} else {
  const socket = io(url, { transports: ["websocket"] });
  await new Promise<void>((done) => socket.once("connect", done));
  socket.on("checkbox-update", arrived);
}
process.send?.({ ready: true });
process.on("disconnect", () => process.exit());

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
