/*
 * A peer: Hocuspocus, the server for Yjs documents, with its Redis extension. The board is a Y.Map; every change is an update
 * that goes to every client. Nothing is stored: a document lives as long as someone has it.
 *
 *     tsx bench/peers/hocuspocus.ts VALKEY_URL CELLS     prints its port
 */

import { createRequire } from "node:module";

const [, , valkeyUrl = ""] = process.argv;
// Installed for the benchmark alone, so that types and linter do without it.
const require = createRequire(import.meta.url);
const { Server } = require("@hocuspocus/server");
const { Redis } = require("@hocuspocus/extension-redis");

const { hostname, port } = new URL(valkeyUrl);
const server = new Server({
  port: 0,
  address: "127.0.0.1",
  quiet: true,
  // There is nothing to store, and its store hook would only quarrel with the other servers over a lock.
  debounce: 600_000,
  maxDebounce: 600_000,
  extensions: [new Redis({ host: hostname, port: Number(port) })],
});
await server.listen();
process.stdout.write(`port ${server.address.port}\n`);
