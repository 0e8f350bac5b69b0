/*
 * Bounds the TCP connections of an HTTP server, whatever they carry. Each address is limited to its
 * share; only a trusted proxy may have as many as its clients need. All connections together never
 * use up the descriptors of the process. This guard closes connections without giving a reason.
 * Refusals with a code come from the layers above.
 */

import type { Server as HttpServer } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { addressKey } from "../limits/address.js";
import type { CrowdLimit } from "../limits/admission.js";
import type { Trust } from "../limits/client-address.js";

export class TcpConnections {
  /** Open connection -> its address. */
  readonly #open = new Map<TcpSocket, string>();
  readonly #counts = new Map<string, number>();
  readonly #perAddressMax: number;
  readonly #shareLimit: CrowdLimit;
  readonly #reached: (limit: CrowdLimit, address: string) => void;
  readonly #allMax: number;
  readonly #trust: Trust;
  /** One listener for all connections, as a server may hold many idle ones. */
  readonly #closed: (this: TcpSocket) => void;

  /** `reached` is called for each connection that is closed. */
  constructor(
    server: HttpServer,
    perAddressMax: number,
    allMax: number,
    trust: Trust,
    reached: (limit: CrowdLimit, address: string) => void,
  ) {
    this.#trust = trust;
    this.#reached = reached;
    this.#shareLimit = perAddressMax <= allMax / 2 ? "CONNECTIONS_PER_ADDRESS" : "ulimit -n";
    this.#allMax = allMax;
    // If the system allows few connections, one address must not take them all.
    this.#perAddressMax = Math.min(perAddressMax, allMax / 2);
    const remove = (socket: TcpSocket) => this.#remove(socket);
    this.#closed = function () {
      remove(this);
    };
    server.on("connection", (socket: TcpSocket) => this.#add(socket));
  }

  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #add(socket: TcpSocket): void {
    const { remoteAddress = "" } = socket;
    const address = addressKey(remoteAddress);
    const count = this.#counts.get(address) ?? 0;
    const isOverShare = count >= this.#perAddressMax && !this.#trust(remoteAddress, 0);
    const isFull = this.#open.size >= this.#allMax;
    if (isOverShare || isFull) {
      this.#reached(isFull ? "ulimit -n" : this.#shareLimit, address);
      socket.destroy();
      return;
    }
    this.#open.set(socket, address);
    this.#counts.set(address, count + 1);
    socket.on("close", this.#closed);
  }

  #remove(socket: TcpSocket): void {
    const address = this.#open.get(socket);
    if (address === undefined) return;
    this.#open.delete(socket);
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }
}
