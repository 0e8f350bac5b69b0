/*
 * An attendance sheet: participants fill in their own row, the teacher fills in any, and everyone
 * sees it live.
 *
 * A token from /token says who somebody is. With `jwtSecret`, every instance verifies it, so no
 * session store is needed. `authorise` turns it into rights, down to the single cell (`mayWrite`).
 */

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import express from "express";
import { decodeJwt, SignJWT } from "jose";
import { Server } from "socket.io";
import { attachBoards } from "socketscaler";
import { CELLS, NAMES, rowOf, TEACHER } from "./sheet.js";

const { VALKEY_URL: valkeyUrl, PORT = "3000", DATA_DIR: dataDir } = process.env;
const { TEACHER_CODE = "chalk", CLASS_CODE = "pencil" } = process.env;
/** Must be the same on all instances. Set your own. */
const { JWT_SECRET: jwtSecret = "the secret of the example, which everybody knows" } = process.env;

const app = express();
const http = createServer(app);
const io = new Server(http);

app.use(express.static(fileURLToPath(new URL("dist", import.meta.url))));
// A real school would use its own sign-in.
app.post("/token", express.json(), async (request, response) => {
  const { name, code } = request.body ?? {};
  const isRight = name === TEACHER ? code === TEACHER_CODE : NAMES.includes(name) && code === CLASS_CODE;
  if (!isRight) return void response.sendStatus(403);
  const token = await new SignJWT({ sub: name, boards: { attendance: "write" } })
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
  authorise: ({ token }) => {
    // Without a valid token, visitors can only look.
    if (token === undefined) return undefined;
    const { sub: name = "", exp = 0 } = decodeJwt(token);
    const isForeign = ({ cell }: { cell: number }) => name !== TEACHER && NAMES[rowOf(cell)] !== name;
    return {
      subject: name,
      boards: { attendance: "write" },
      expiresMs: exp * 1_000,
      mayWrite: ({ changes }) => ({ refused: changes.filter(isForeign).map(({ cell }) => cell) }),
    };
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await boards.drain();
    await io.close();
  });
}
http.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`));
