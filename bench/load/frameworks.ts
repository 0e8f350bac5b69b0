/*
 * Colyseus and Hocuspocus as the harness sees them. They have protocols of their own, so the
 * harness uses their clients. Their packages are installed for the benchmarks only, so they have no
 * types here.
 */

import { createRequire } from "node:module";
import { PEERS, peerArgs, peerVersion } from "./peers.js";
import { storedBitmap } from "./per-change.js";
import type { System } from "./system.js";

const require = createRequire(PEERS);
const SYNC_MS_MAX = 20_000;

/**
 * The client takes the WebSocket of its environment, and `ws` if there is none. That is cheaper than
 * Node's own, so more CPU is left to the servers.
 */
export function colyseusSdk() {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Reflect.deleteProperty(globalThis, "WebSocket");
  const sdk = require("@colyseus/sdk");
  if (own) Object.defineProperty(globalThis, "WebSocket", own);
  return sdk;
}

export const colyseus: System = {
  name: "Colyseus + Redis presence",
  about: `Colyseus ${peerVersion("@colyseus/core")}, a room in each process, changes between rooms over its Redis presence, merged patches every 50 ms, its default`,
  isPerChange: false,
  // Each client decodes the patches with the objects of its schema.
  rateMax: 5_000,
  args: peerArgs("colyseus.ts"),
  stored: storedBitmap,
  connect: async (url, cells, changed) => {
    const { Callbacks, Client } = colyseusSdk();
    const room = await new Client(url).joinOrCreate("board", { server: url });
    room.reconnection.enabled = false;
    const values = new Uint8Array(cells);
    Callbacks.get(room).onChange("cells", (key: string, value: boolean) => {
      values[Number(key)] = value ? 1 : 0;
      changed(Number(key), value);
    });
    const received = countFrames(room.connection.transport.ws);
    return {
      set: (cell, value) => room.send("set", { cell, value }),
      get: (cell) => values[cell] === 1,
      received,
      get isOpen() {
        return room.connection.isOpen === true;
      },
      close: () => void room.connection.close(),
    };
  },
};

export const hocuspocus: System = {
  name: "Hocuspocus (Yjs) + Redis",
  about: `Hocuspocus ${peerVersion("@hocuspocus/server")}, the board as a Y.Map, with its Redis extension and no persistence, so clients are compared with a new one`,
  isPerChange: true,
  // Each client applies every update to a Yjs document: 2,000 writes/s need eight cores.
  rateMax: 500,
  args: peerArgs("hocuspocus.ts"),
  stored: async (_, url, cells) => {
    const client = await hocuspocus.connect(url, cells, () => undefined);
    const values = Uint8Array.from({ length: cells }, (_, cell) => (client.get(cell) ? 1 : 0));
    client.close();
    return (cell) => values[cell] === 1;
  },
  connect: async (url, _, changed) => {
    const { HocuspocusProvider, HocuspocusProviderWebsocket } = require("@hocuspocus/provider");
    const { Doc } = require("yjs");
    const websocketProvider = new HocuspocusProviderWebsocket({
      url: url.replace(/^http/, "ws"),
      WebSocketPolyfill: require("ws"),
    });
    const document = new Doc();
    const provider = new HocuspocusProvider({ websocketProvider, document, name: "board" });
    const map = document.getMap("cells");
    map.observe(({ keysChanged }: { keysChanged: Set<string> }) => {
      for (const key of keysChanged) changed(Number(key), map.get(key) === true);
    });
    provider.attach();
    await new Promise<void>((done, fail) => {
      const late = setTimeout(() => fail(new Error("never synced")), SYNC_MS_MAX);
      provider.on("synced", () => {
        clearTimeout(late);
        done();
      });
    });
    const received = countFrames(websocketProvider.webSocket);
    return {
      set: (cell, value) => map.set(String(cell), value),
      get: (cell) => map.get(String(cell)) === true,
      received,
      get isOpen() {
        return websocketProvider.status === "connected";
      },
      close: () => {
        provider.destroy();
        websocketProvider.destroy();
      },
    };
  },
};

interface Socket {
  addEventListener(
    name: "message",
    listener: (event: { data: { byteLength?: number; length?: number } }) => void,
  ): void;
}

function countFrames(socket: Socket): { frames: number; bytes: number } {
  const received = { frames: 0, bytes: 0 };
  socket.addEventListener("message", ({ data }) => {
    const length = data.byteLength ?? data.length ?? 0;
    received.frames++;
    received.bytes += length + (length < 126 ? 2 : 4);
  });
  return received;
}
