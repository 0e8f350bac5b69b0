/* Opens the WebSocket of a lane. */

import { LANE_SUBPROTOCOL } from "../../protocol/lane.js";
import { Refusal } from "../../protocol/refusal.js";
import { below } from "./endpoints.js";
import { LaneLink } from "./lane-link.js";
import type { Link, LinkOptions } from "./link.js";
import type { WebSocketClass, WebSocketLike } from "./web-socket-class.js";

interface LaneOptions extends LinkOptions {
  readonly lanePath: string;
}

export function openLane(Socket: WebSocketClass, { url, lanePath, ...options }: LaneOptions): Link {
  let socket: WebSocketLike | undefined;
  const wire = {
    send: (message: Uint8Array) => socket?.send(message),
    close: () => socket?.close(),
  };
  const link = new LaneLink(wire, options);
  try {
    socket = new Socket(below(url, lanePath).href.replace(/^http/, "ws"), [LANE_SUBPROTOCOL]);
  } catch (error) {
    // A web page served over https may not open ws:.
    queueMicrotask(() => link.closed(new Refusal("UNREACHABLE", { cause: error })));
    return link;
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => link.opened();
  socket.onmessage = ({ data }) => link.receive(data instanceof ArrayBuffer ? new Uint8Array(data) : EMPTY);
  socket.onclose = () => link.closed();
  // Some platforms report a failed handshake only by this event.
  socket.onerror = () => link.closed();
  return link;
}

const EMPTY = new Uint8Array();
