/*
 * A TCP connection to an instance that says what no library would: pipelined HTTP, WebSocket frames by hand. Both ends are
 * at hand, so that a test sees what the instance read and wrote.
 */

import { once } from "node:events";
import { Server as HttpServer } from "node:http";
import { connect, type Socket as TcpSocket } from "node:net";
import { LANE_PATH, LANE_SUBPROTOCOL } from "../../src/protocol/lane.js";
import type { LocalInstance } from "./instances.js";

export interface RawSocket {
  readonly client: TcpSocket;
  /** The instance's end. */
  readonly server: TcpSocket;
  /** Resolves when the instance's end is closed, whoever closed it. */
  readonly closed: Promise<void>;
}

/** A connection whose client does not read until told to. */
export async function rawSocket({ io, port }: LocalInstance): Promise<RawSocket> {
  const http: unknown = io.httpServer;
  if (!(http instanceof HttpServer)) throw new Error("there is no HTTP server");
  const client = connect(port, "127.0.0.1");
  client.on("error", () => undefined);
  client.pause();
  const server = await instanceEnd(http, client);
  // A client that does not read would not notice.
  const closed = new Promise<void>((done) => server.once("close", () => done()));
  return { client, server, closed };
}

/** The server's end of this connection. Others may arrive at the same time, so their ports are compared. */
function instanceEnd(http: HttpServer, client: TcpSocket): Promise<TcpSocket> {
  http.setMaxListeners(0);
  return new Promise((done) => {
    const arrived: TcpSocket[] = [];
    const compare = () => {
      const port = client.localPort;
      const server = arrived.find(({ remotePort }) => remotePort === port);
      if (!port || !server) return;
      http.off("connection", onConnection);
      done(server);
    };
    const onConnection = (socket: TcpSocket) => {
      arrived.push(socket);
      compare();
    };
    http.on("connection", onConnection);
    client.once("connect", compare);
  });
}

/** Opens a WebSocket by hand and joins a namespace; resolves when the instance has agreed to the WebSocket. */
export async function rawWebSocket(instance: LocalInstance, namespace = "/boards"): Promise<RawSocket> {
  const socket = await upgraded(instance, "/socket.io/?EIO=4&transport=websocket");
  socket.client.write(frame(TEXT, `40${namespace},`));
  return socket;
}

/** Opens a WebSocket at the lane by hand, and says nothing yet. */
export function rawLane(instance: LocalInstance): Promise<RawSocket> {
  return upgraded(instance, LANE_PATH, `Sec-WebSocket-Protocol: ${LANE_SUBPROTOCOL}\r\n`);
}

export function upgradeOf(path: string, headers = ""): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${headers}\r\n`
  );
}

async function upgraded(instance: LocalInstance, path: string, headers?: string): Promise<RawSocket> {
  const socket = await rawSocket(instance);
  socket.client.write(upgradeOf(path, headers));
  const [head]: Buffer[] = await once(socket.client.resume(), "data");
  socket.client.pause();
  if (!head?.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(String(head));
  return socket;
}

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A masked frame of RFC 6455, section 5.2; the mask is zero, so that the payload stands as it is. */
export function frame(opcode: number, payload: string | Uint8Array = "", isFinal = true): Buffer {
  const body = Buffer.from(payload);
  const MASKED = 0x80;
  const first = (isFinal ? 0x80 : 0) | opcode;
  const mask = Buffer.alloc(4);
  if (body.length < 126) return Buffer.concat([Buffer.from([first, MASKED | body.length]), mask, body]);
  if (body.length > 65_535) {
    const head = Buffer.from([first, MASKED | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(body.length, 6);
    return Buffer.concat([head, mask, body]);
  }
  const head = Buffer.from([first, MASKED | 126, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, mask, body]);
}
