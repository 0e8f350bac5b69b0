/*
 * What a server holds for its clients to read, found by looking: the buffers of Engine.IO, of `ws` and of TCP connections.
 * Does not ask the code under test.
 */

import type { Socket as TcpSocket } from "node:net";
import type { Server } from "socket.io";

interface Insides {
  readonly writeBuffer: readonly { readonly data?: string | Buffer }[];
  readonly transport: { readonly name: string; readonly socket?: { readonly bufferedAmount: number } };
}

/** Bytes held for each connection that Engine.IO knows. */
export function heldBytes(io: Server): number[] {
  const { clients }: { clients: Record<string, Insides> } = io.engine as never;
  return Object.values(clients).map(
    ({ writeBuffer, transport }) =>
      writeBuffer.reduce((sum, { data }) => sum + Buffer.byteLength(data ?? ""), 0) +
      (transport.socket?.bufferedAmount ?? 0),
  );
}

/** Bytes that each TCP connection holds which is opened from now on, of whatever door. */
export function heldByTcp({ httpServer }: Server): () => number[] {
  const open = new Set<TcpSocket>();
  httpServer.on("connection", (socket: TcpSocket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return () => Array.from(open, ({ writableLength }) => writableLength);
}
