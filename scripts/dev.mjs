/*
 * `npm run dev`: the app from its sources and an instance behind it, at one URL. The browser shows
 * a change to the app immediately. A change to the instance's sources restarts the instance, and
 * the open page reconnects to it.
 *
 * PORT is where to open the app. Every other option is the instance's: VALKEY_URL, BOARDS,
 * LOG_LEVEL and the rest.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createNetServer } from "node:net";
import { fileURLToPath } from "node:url";
import { createLogger, createServer } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const PORT = Number(process.env.PORT ?? 8000);

const port = await freePort();
const target = `http://127.0.0.1:${port}`;
const served = ["boards", "state", "health", "ready", "metrics", "demo/instances"].join("|");
const logger = createLogger("warn");
const { error } = logger;
logger.error = (message, options) => {
  // A browser that leaves, or an instance that restarts, breaks the connection. That is normal.
  if (!message.includes("ws proxy")) error(message, options);
};
const vite = await createServer({
  configFile: `${root}vite.config.ts`,
  customLogger: logger,
  server: {
    port: PORT,
    strictPort: true,
    proxy: {
      [`^/(${served})([/?]|$)`]: { target },
      "^/socket.io/": { target, ws: true },
      "^/cluster([?]|$)": { target, bypass: toPage("/cluster.html") },
      "^/demo([?]|$)": { target, bypass: toPage("/demo.html") },
    },
  },
});
try {
  await vite.listen();
} catch (reason) {
  console.error(`dev: ${reason.message}. Set PORT to another port.`);
  process.exit(1);
}

const watched = ["--watch", "--watch-preserve-output", "--import", "tsx", `${root}src/cli/main.ts`, "serve"];
const instance = spawn(process.execPath, watched, {
  cwd: root,
  env: { LOG_LEVEL: "warn", ...process.env, PORT: String(port), HOST: "127.0.0.1" },
  stdio: "inherit",
});
instance.once("exit", (code) => process.exit(code ?? 1));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => instance.kill(signal));
console.log(`\n  Open http://localhost:${vite.config.server.port}\n`);

/** A document that an instance serves under a shorter name. */
function toPage(file) {
  return ({ headers }) => (headers.accept?.includes("text/html") ? file : undefined);
}

async function freePort() {
  const server = createNetServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address();
  await new Promise((done) => server.close(done));
  return free;
}
