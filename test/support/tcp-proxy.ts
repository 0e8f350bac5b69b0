/*
 * A TCP proxy that misbehaves on request, in front of a server on this machine.
 *
 *     cut       ends every connection; new ones pass
 *     refuse    ends every connection, and each new one at once, until `heal`
 *     stall     half-open: connections stay, but what is sent into them is held back; new connections pass
 *     heal      takes connections again, and delivers what was held back, late, as a network does: even what was sent by
 *               someone who has long given the connection up
 *     moveTo    new connections lead to another server
 *     drip      what is sent into the connections arrives byte by byte, until `heal` delivers the rest
 *     dropLane  each new connection that asks for the lane is ended, until `heal`; others pass
 *     swallow   WebSockets connect, or seem to hang while they do, and nothing that is sent on them arrives
 */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { LANE_PATH } from "../../src/protocol/lane.js";

export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target: number;
  #isRefusing = false;
  #dropsLane = false;
  #swallows: Swallowing | undefined;
  /** Upgrades that were swallowed so far. */
  swallowed = 0;
  /** Connections to the lane that were dropped so far. */
  lanesDropped = 0;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", (near: Socket) => {
      near.on("error", () => undefined);
      if (this.#isRefusing) near.destroy();
      else this.#join(near);
    });
  }

  static async start(target: number): Promise<TcpProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return new TcpProxy(server, address.port, target);
  }

  moveTo(target: number): void {
    this.#target = target;
  }

  cut(): void {
    for (const link of this.#links) link.end();
  }

  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  stall(): void {
    for (const link of this.#links) link.stall();
  }

  /** Open connections to the lane. */
  get lanesOpen(): number {
    return Array.from(this.#links).filter(({ isLane }) => isLane).length;
  }

  drip(): void {
    for (const link of this.#links) link.drip();
  }

  dropLane(): void {
    this.#dropsLane = true;
  }

  heal(): void {
    this.#isRefusing = false;
    this.#dropsLane = false;
    for (const link of this.#links) link.release();
  }

  swallow(what: Swallowing | undefined): void {
    this.#swallows = what;
  }

  async close(): Promise<void> {
    this.refuse();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#target, host: "127.0.0.1" });
    far.on("error", () => undefined);
    const swallows = (data: Buffer) => {
      const isSwallowed = this.#swallows !== undefined && /\r\nupgrade: websocket\r\n/i.test(data.toString("latin1"));
      if (isSwallowed) this.swallowed++;
      return isSwallowed ? this.#swallows : undefined;
    };
    const link = new Link(near, far, swallows);
    this.#links.add(link);
    link.onEnd = () => this.#links.delete(link);
    near.once("data", (data: Buffer) => {
      if (!data.toString("latin1").startsWith(`GET ${LANE_PATH} `)) return;
      if (!this.#dropsLane) link.isLane = true;
      else {
        this.lanesDropped++;
        link.end();
      }
    });
  }
}

/** Between two bytes. */
const DRIP_MS = 1;

/** Whether the answer to the upgrade still passes. */
type Swallowing = "after the answer" | "with the answer";

/** One connection through the proxy: two sockets, and what is held back between them. */
class Link {
  isLane = false;
  onEnd: () => void = () => undefined;
  readonly #near: Socket;
  readonly #far: Socket;
  /** What waits to be done, in order, while the link is stalled. */
  #held: (() => void)[] | undefined;
  #isDripping = false;

  constructor(near: Socket, far: Socket, swallows: (request: Buffer) => Swallowing | undefined) {
    this.#near = near;
    this.#far = far;
    let swallowed: Swallowing | undefined;
    let isAnswered = false;
    this.#pass(near, far, (data) => {
      if (swallowed) return undefined;
      swallowed = swallows(data);
      return data;
    });
    this.#pass(far, near, (data) => {
      if (!swallowed) return data;
      if (isAnswered || swallowed === "with the answer") return undefined;
      isAnswered = true;
      return data.subarray(0, data.indexOf("\r\n\r\n") + 4);
    });
  }

  stall(): void {
    this.#held ??= [];
  }

  drip(): void {
    this.#held ??= [];
    this.#isDripping = true;
    this.#fall();
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#isDripping = false;
    for (const pass of held) pass();
  }

  end(): void {
    this.#held = undefined;
    this.#isDripping = false;
    this.#near.destroy();
    this.#far.destroy();
    this.onEnd();
  }

  /** `filter` gives what of it arrives. */
  #pass(from: Socket, to: Socket, filter: (data: Buffer) => Buffer | undefined): void {
    from.setNoDelay(true);
    from.on("data", (data: Buffer) => {
      const passed = filter(data);
      for (const part of passed ? this.#parts(passed) : []) this.#do(() => void (to.writable && to.write(part)));
    });
    from.on("close", () => this.#do(() => void to.end(() => this.end())));
  }

  #parts(data: Buffer): Buffer[] {
    return this.#isDripping ? Array.from(data, (_, at) => data.subarray(at, at + 1)) : [data];
  }

  #fall(): void {
    this.#held?.shift()?.();
    if (this.#isDripping) setTimeout(() => this.#fall(), DRIP_MS);
  }

  #do(pass: () => void): void {
    if (this.#held) this.#held.push(pass);
    else pass();
  }
}
