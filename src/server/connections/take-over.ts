/* Takes a connection over from Node's HTTP server, once an upgrade has been answered. */

import type { Socket as TcpSocket } from "node:net";
import { type PieceReader, readDirectly } from "../../store/direct-read.js";
import { forgetInactivity } from "./inactivity.js";

/** From now on `reader` gets all that comes, and the connection may be idle for long. */
export function takeOver(tcp: TcpSocket, reader: PieceReader): void {
  tcp.setTimeout(0);
  forgetInactivity(tcp);
  tcp.setNoDelay(true);
  readDirectly(tcp, reader);
}
