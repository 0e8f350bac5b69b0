/*
 * The timer with which Node's HTTP server ends inactive connections. It is stopped, because a
 * WebSocket may be idle for long. Node keeps the stopped timer and tries to restart it at each read
 * and write, so this lets go of it.
 */

import type { Socket as TcpSocket } from "node:net";

export function forgetInactivity(tcp: TcpSocket): void {
  // Only Node has the symbol. A socket that never had a timer holds null there.
  const key = Object.getOwnPropertySymbols(tcp).find(({ description }) => description === "timeout");
  if (key && tcp.timeout === 0) Reflect.set(tcp, key, null);
}
