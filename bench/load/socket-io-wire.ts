/* Socket.IO over a bare WebSocket: one namespace, events with or without acknowledgement. */

import { Wire } from "./wire.js";

interface SocketIoListener {
  /** The event's name and arguments, as JSON: `["name",…]`. */
  event(json: string): void;
  /** The bytes that follow an event with a placeholder. */
  binary(bytes: Buffer): void;
}

export class SocketIoWire {
  readonly #prefix: string;
  readonly #acks = new Map<number, (json: string) => void>();
  #wire: Wire | undefined;
  #nextAck = 0;

  private constructor(namespace: string) {
    this.#prefix = namespace === "/" ? "" : `${namespace},`;
  }

  static async open(url: string, namespace: string, listener: SocketIoListener): Promise<SocketIoWire> {
    const self = new SocketIoWire(namespace);
    const event = `42${self.#prefix}`;
    const ack = `43${self.#prefix}`;
    let connected: () => void;
    let refused: (error: Error) => void;
    const ready = new Promise<void>((done, fail) => {
      connected = done;
      refused = fail;
    });
    self.#wire = await Wire.open(url, "/socket.io/?EIO=4&transport=websocket", {
      text: (text) => {
        if (text.startsWith(event)) listener.event(text.slice(event.length));
        else if (text.startsWith(ack)) self.#acknowledge(text.slice(ack.length));
        else if (text === "2") self.#wire?.send("3");
        else if (text.startsWith("40")) connected();
        else if (text.startsWith("44")) refused(new Error(`${url} refused: ${text}`));
      },
      binary: (bytes) => listener.binary(bytes),
    });
    self.#wire.send(`40${self.#prefix}`);
    await ready;
    return self;
  }

  get received(): Wire["received"] {
    return this.#wire?.received ?? { frames: 0, bytes: 0 };
  }

  get isOpen(): boolean {
    return this.#wire?.isOpen ?? false;
  }

  emit(json: string): void {
    this.#wire?.send(`42${this.#prefix}${json}`);
  }

  /** Resolves with the arguments of the acknowledgement. */
  async ask(json: string): Promise<unknown[]> {
    const id = this.#nextAck++;
    const answer = await new Promise<string>((done) => {
      this.#acks.set(id, done);
      this.#wire?.send(`42${this.#prefix}${id}${json}`);
    });
    return JSON.parse(answer);
  }

  close(): void {
    this.#wire?.close();
  }

  #acknowledge(text: string): void {
    const at = text.indexOf("[");
    const id = Number(text.slice(0, at));
    this.#acks.get(id)?.(text.slice(at));
    this.#acks.delete(id);
  }
}
