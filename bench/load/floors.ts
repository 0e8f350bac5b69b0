/*
 * Floors: programs that send frames of a given size at a given rate to every socket, and do nothing
 * else. Nothing that sends the same can cost less.
 */

import { connect } from "node:net";
import { cpuSeconds, type Running, start } from "./processes.js";
import { Wire } from "./wire.js";

export const BARE_WS = "bare ws";
/** Of a WebSocket frame of up to 125 bytes. */
export const FRAME_HEADER_BYTES = 2;

/** The frames that a floor sends to every client. */
export interface Stream {
  readonly bytes: number;
  readonly framesPerSecond: number;
}

export interface Floor {
  readonly name: string;
  readonly server: Running;
  /** Measures until the returned function is called, which gives microseconds per frame. */
  measure(): () => number;
  stop(): Promise<void>;
}

/** A process that sends a stream to every socket, and the sockets. */
export async function startFloor(
  name: string,
  sockets: number,
  stream: Stream,
  [command = "", ...args]: readonly string[],
): Promise<Floor> {
  const isWs = name === BARE_WS;
  const frameBytes = stream.bytes + (isWs ? 0 : FRAME_HEADER_BYTES);
  const server = await start(command, [...args, String(frameBytes), String(stream.framesPerSecond)]);
  const open: { close(): unknown }[] = [];
  let bytes = 0;
  const count = ({ length }: { readonly length: number }) => {
    bytes += length;
  };
  for (let index = 0; index < sockets; index++) {
    if (isWs) open.push(await Wire.open(server.url, "/", { text: count, binary: () => undefined }));
    else {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1").on("data", count);
      open.push({ close: () => socket.destroy() });
    }
  }
  return {
    name,
    server,
    measure: () => {
      const before = { cpu: cpuSeconds([server.pid]), bytes };
      return () => ((cpuSeconds([server.pid]) - before.cpu) * 1e6) / ((bytes - before.bytes) / frameBytes);
    },
    stop: async () => {
      for (const each of open) each.close();
      await server.stop();
    },
  };
}
