/*
 * Bounds the TCP connections of an HTTP server, whatever they carry. Each address is limited to its
 * share; only a trusted proxy may have as many as its clients need. All connections together never
 * use up the descriptors of the process. This guard closes connections without giving a reason.
 * Refusals with a code come from the layers above.
 */

import type { Server as HttpServer } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { addressKey } from "../limits/address.js";
import type { Trust } from "../limits/client-address.js";

export class TcpConnections {
  readonly #open = new Map<string, Set<TcpSocket>>();
  readonly #perAddressMax: number;
  readonly #allMax: number;
  #all = 0;
  readonly #trust: Trust;

  constructor(server: HttpServer, perAddressMax: number, allMax: number, trust: Trust) {
    this.#trust = trust;
    this.#allMax = allMax;
    // If the system allows few connections, one address must not take them all.
    this.#perAddressMax = Math.min(perAddressMax, allMax / 2);
    server.on("connection", (socket: TcpSocket) => this.#add(socket));
  }

  destroyAll(): void {
    for (const sockets of this.#open.values()) for (const socket of sockets) socket.destroy();
  }

  #add(socket: TcpSocket): void {
    const { remoteAddress = "" } = socket;
    const address = addressKey(remoteAddress);
    const sockets = this.#open.get(address) ?? new Set();
    const isOverShare = sockets.size >= this.#perAddressMax && !this.#trust(remoteAddress, 0);
    if (isOverShare || this.#all >= this.#allMax) {
      socket.destroy();
      return;
    }
    this.#open.set(address, sockets.add(socket));
    this.#all++;
    socket.once("close", () => {
      this.#all--;
      sockets.delete(socket);
      if (sockets.size === 0) this.#open.delete(address);
    });
  }
}
