/*
 * Reads a socket without the queue of its stream. For each piece that is read, the stream passes
 * through many functions and schedules another turn of work. That costs more than everything that
 * is done with a small message.
 *
 * A server has many sockets, so nothing here is a function made for one of them.
 */

import { Socket } from "node:net";
import { type Duplex, Readable } from "node:stream";

export interface PieceReader {
  read(piece: Buffer): void;
}

const READER = Symbol("reader");

interface DirectlyRead extends Duplex {
  [READER]?: PieceReader;
}

/**
 * Passes on each piece that a socket reads, as to a listener of `data`. While the socket is paused,
 * or while pieces from a pause wait, its stream is used as usual. So is any other stream, which may
 * wait to be asked for each piece.
 */
export function readDirectly(socket: Duplex, reader: PieceReader): void {
  const read: DirectlyRead = socket;
  read[READER] = reader;
  if (socket instanceof Socket) read.push = push;
  read.on("data", passOn);
}

/** From here on, the socket's pieces go to its other listeners only. */
export function readNoMore(socket: Duplex): void {
  Reflect.deleteProperty(socket, "push");
  socket.off("data", passOn);
}

/** A socket pushes each piece that it reads into its stream, and null at its end. */
function push(this: DirectlyRead, piece: unknown, encoding?: BufferEncoding): boolean {
  const isQueueNeeded = !this.readableFlowing || this.readableLength > 0;
  if (!Buffer.isBuffer(piece) || isQueueNeeded) return Readable.prototype.push.call(this, piece, encoding);
  this[READER]?.read(piece);
  return true;
}

function passOn(this: DirectlyRead, piece: Buffer): void {
  this[READER]?.read(piece);
}
