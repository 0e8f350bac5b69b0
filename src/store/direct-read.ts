/*
 * Reads a socket without the queue of its stream. For each piece that is read, the stream passes
 * through many functions and schedules another turn of work. That costs more than everything that
 * is done with a small message.
 */

import type { Duplex } from "node:stream";

/**
 * Calls `heard` as a listener of `data` would be called. While the socket is paused, or while what
 * came in a pause waits, its stream is used as usual. Returns a function that ends it.
 */
export function readDirectly(socket: Duplex, heard: (piece: Buffer) => void): () => void {
  const { push } = socket;
  socket.on("data", heard);
  // A socket pushes each piece that it reads into its stream, and null at its end.
  socket.push = (piece: unknown, encoding) => {
    const isQueueNeeded = !socket.readableFlowing || socket.readableLength > 0;
    if (!Buffer.isBuffer(piece) || isQueueNeeded) return push.call(socket, piece, encoding);
    heard(piece);
    return true;
  };
  return () => {
    socket.push = push;
    socket.off("data", heard);
  };
}
