/*
 * A peer: Hocuspocus, the server for Yjs documents, with its Redis extension. The board is a Y.Map;
 * every change is an update that goes to every client. Nothing is stored: a document lives as long
 * as a client has it open.
 *
 *     node dist/hocuspocus.js VALKEY_URL CELLS     prints its port
 */

import { untyped, valkeyUrl } from "./serve.js";

const { Server } = untyped("@hocuspocus/server");
const { Redis } = untyped("@hocuspocus/extension-redis");

const { hostname, port } = new URL(valkeyUrl);
const server = new Server({
  port: 0,
  address: "127.0.0.1",
  quiet: true,
  // Nothing is stored, so the store hook would only compete with the other servers for a lock.
  debounce: 600_000,
  maxDebounce: 600_000,
  extensions: [new Redis({ host: hostname, port: Number(port) })],
});
await server.listen();
process.stdout.write(`port ${server.address.port}\n`);
