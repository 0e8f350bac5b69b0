/*
 * The WebSocket of the platform. For Node 20, which has none, `ws` provides it. The only file of
 * the client that imports `ws`. Bundlers for browsers take web-socket-class.browser.ts in its
 * place, as `browser` in package.json says.
 */

/** The part of a WebSocket that is used here. */
export interface WebSocketLike {
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
