/*
 * A network of one's own: a TCP link that clients connect through, unmodified, and that can be cut, fall silent, or be
 * slow. Each new connection goes to the next of the targets, as behind a balancer.
 */

import { once } from "node:events";
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";

/** How a link is cut: `reset`, both sides hear of it; `silent`, the server hears nothing, as when a radio is lost. */
export type Cut = "reset" | "silent";

const READ_EVERY_MS = 50;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class Link {
  readonly #server: Server;
  readonly #targets: readonly number[];
  readonly #localAddress: string;
  readonly #pairs = new Set<Pair>();
  /** Server sides of silent cuts, which hear nothing until the link is closed. */
  readonly #forgotten = new Set<Socket>();
  #next: number;
  #isDown = false;
  /** Bytes a second towards the client; undefined without a limit. */
  #bytesPerSecond: number | undefined;
  readonly #pump: ReturnType<typeof setInterval>;
  bytesToClient = 0;

  private constructor(server: Server, targets: readonly number[], first: number, localAddress: string) {
    this.#server = server;
    this.#localAddress = localAddress;
    this.#targets = targets;
    this.#next = first;
    server.on("connection", (client) => this.#join(client));
    this.#pump = setInterval(() => this.#moveSlowly(), READ_EVERY_MS);
  }

  /** To the ports of `urls` in turn, beginning with number `first`; there it seems to come from `localAddress`. */
  static async open(urls: readonly string[], first = 0, localAddress = "127.0.0.1"): Promise<Link> {
    const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Link(
      server,
      urls.map((url) => Number(new URL(url).port)),
      first,
      localAddress,
    );
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the link is closed");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Cuts what is connected; until `mend` nobody gets through. */
  cut(how: Cut): void {
    this.#isDown = true;
    for (const { client, server } of this.#pairs) {
      client.destroy();
      if (how === "reset") server.resetAndDestroy();
      else this.#forgotten.add(server);
    }
    this.#pairs.clear();
  }

  mend(): void {
    this.#isDown = false;
  }

  /** How fast the client reads from now on: bytes a second, 0 for not at all, undefined for as fast as it can. */
  slow(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    if (bytesPerSecond === undefined) for (const pair of this.#pairs) this.#moveAll(pair);
  }

  close(): void {
    clearInterval(this.#pump);
    this.#server.close();
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    for (const server of this.#forgotten) server.destroy();
  }

  #join(client: Socket): void {
    if (this.#isDown) {
      client.destroy();
      return;
    }
    const port = this.#targets[this.#next++ % this.#targets.length] ?? 0;
    const server = tcpConnect({ port, host: "127.0.0.1", localAddress: this.#localAddress });
    const pair = { client, server };
    this.#pairs.add(pair);
    client.on("data", (data) => server.write(data));
    client.resume();
    server.on("readable", () => {
      if (this.#bytesPerSecond === undefined && this.#pairs.has(pair)) this.#moveAll(pair);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("error", () => undefined);
      from.on("close", () => {
        if (!this.#pairs.delete(pair)) return;
        to.destroySoon();
      });
    }
  }

  #moveAll(pair: Pair): void {
    for (let data = pair.server.read(); data !== null; data = pair.server.read()) this.#move(pair, data);
  }

  #moveSlowly(): void {
    const rate = this.#bytesPerSecond;
    if (rate === undefined || rate === 0) return;
    const bytes = Math.max(1, Math.round((rate * READ_EVERY_MS) / 1_000));
    for (const pair of this.#pairs) {
      const data = pair.server.read(Math.min(bytes, pair.server.readableLength));
      if (data !== null) this.#move(pair, data);
    }
  }

  #move({ client }: Pair, data: Buffer): void {
    this.bytesToClient += data.length;
    client.write(data);
  }
}
