/*
 * Opens the WebSocket of a lane. Browsers have one of their own; for Node 20 `ws` brings it. The
 * only file of the client that imports `ws`.
 */

import { Refusal } from "../protocol/errors.js";
import { LANE_SUBPROTOCOL } from "../protocol/lane.js";
import { LaneLink } from "./lane-link.js";
import type { Link, LinkOptions } from "./link.js";

/** The part of WebSocket that is used here. */
interface WebSocketLike {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(data: Uint8Array): void;
  close(): void;
}
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

export async function loadWebSocket(): Promise<WebSocketClass> {
  const own: unknown = Reflect.get(globalThis, "WebSocket");
  if (typeof own === "function") return own as WebSocketClass;
  const { WebSocket } = await import("ws");
  return WebSocket as unknown as WebSocketClass;
}

export function openLane(Socket: WebSocketClass, { endpoint, clock, listener, getToken }: LinkOptions): Link {
  let socket: WebSocketLike | undefined;
  const wire = {
    send: (message: Uint8Array) => socket?.send(message),
    close: () => socket?.close(),
  };
  const link = new LaneLink(wire, { clock, listener, getToken });
  try {
    socket = new Socket(endpoint.lane, [LANE_SUBPROTOCOL]);
  } catch (error) {
    // A page served over https may not open ws:.
    queueMicrotask(() => link.closed(new Refusal("UNREACHABLE", { cause: error })));
    return link;
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => link.opened();
  socket.onmessage = ({ data }) => link.receive(data instanceof ArrayBuffer ? new Uint8Array(data) : EMPTY);
  socket.onclose = () => link.closed();
  socket.onerror = () => undefined;
  return link;
}

const EMPTY = new Uint8Array();
