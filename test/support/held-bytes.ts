/*
 * What a server holds for its clients to read, found by looking: the buffers of Engine.IO and of `ws`. Does not
 * ask the code under test.
 */

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
