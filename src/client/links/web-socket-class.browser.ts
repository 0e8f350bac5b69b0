/* The WebSocket of a browser: see web-socket-class.ts. */

import type { WebSocketClass } from "./web-socket-class.js";

export async function loadWebSocket(): Promise<WebSocketClass> {
  return WebSocket as unknown as WebSocketClass;
}
