/*
 * An adapter for boards over a plain WebSocket. The server sends {"board": [0, 1, …]} to each
 * client that connects, and {"index": 7, "value": true} to all clients for each click. A click has
 * the same form, and there is no answer to it.
 *
 *     npx socketscaler judge http://localhost:3000 --adapter examples/judge/plain-ws.mjs
 */

import { WebSocket } from "ws";

/** Larger messages end the connection. */
const MESSAGE_BYTES_MAX = 16_000_000;

export default {
  name: "plain WebSocket",

  /** There is no other way to read the board than to connect. */
  async read(visit) {
    const socket = connect(visit);
    try {
      return await new Promise((done, fail) => {
        socket.on("message", (data) => {
          const { board } = parse(data);
          if (board) done(board);
        });
        socket.on("error", fail);
        socket.on("close", () => fail(new Error("the connection was closed")));
      });
    } finally {
      socket.terminate();
    }
  },

  /** A new client is ready when it has the board, which is also its first message. */
  async open(visit, screen) {
    await visit.turn();
    const socket = connect(visit);
    await new Promise((done, fail) => {
      socket.on("message", (data) => {
        const { board, index, value } = parse(data);
        if (board) {
          screen.board(board);
          done();
        } else screen.change(index, value);
      });
      socket.on("error", fail);
      socket.on("close", () => {
        screen.lost("the connection was closed");
        fail(new Error("the connection was closed"));
      });
    });
    return {
      set: (index, value) => socket.send(JSON.stringify({ index, value })),
      close: () => socket.close(),
      cut: () => socket.terminate(),
      sendRaw: (content) => socket.send(JSON.stringify(content) ?? ""),
    };
  },
};

function connect({ url, signal }) {
  const options = { maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false };
  const socket = new WebSocket(url.replace(/^http/, "ws"), options);
  signal.addEventListener("abort", () => socket.terminate(), { once: true });
  return socket;
}

/** The server may send anything. */
function parse(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}
