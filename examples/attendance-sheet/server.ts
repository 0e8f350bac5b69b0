/*
 * An attendance sheet: the teacher fills it in, and everyone sees it live.
 *
 * The board is read-only without a token. The teacher's code gives a token that may write. The
 * token names its right, so any instance that has the secret can check it. It expires after ten
 * hours.
 */

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import express from "express";
import { SignJWT } from "jose";
import { Server } from "socket.io";
import { attachBoards } from "socketscaler";
import { CELLS } from "./sheet.js";

const { VALKEY_URL: valkeyUrl, PORT = "3000", DATA_DIR: dataDir, TEACHER_CODE = "chalk" } = process.env;
/** Must be the same on all instances. Set your own. */
const { JWT_SECRET: jwtSecret = "the secret of the example, which everybody knows" } = process.env;

const app = express();
const http = createServer(app);
const io = new Server(http);

app.use(express.static(fileURLToPath(new URL("dist", import.meta.url))));
app.post("/token", express.json(), async (request, response) => {
  if (request.body?.code !== TEACHER_CODE) return void response.sendStatus(403);
  const token = await new SignJWT({ sub: "teacher", boards: { attendance: "write" } })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("10h")
    .sign(new TextEncoder().encode(jwtSecret));
  response.json({ token });
});

const boards = await attachBoards(io, app, {
  boards: { attendance: CELLS },
  valkeyUrl,
  dataDir,
  access: "read-only",
  jwtSecret,
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await boards.drain();
    await io.close();
  });
}
http.listen(Number(PORT), () => process.stdout.write(`http://localhost:${PORT}\n`));
