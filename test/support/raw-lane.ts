/* A connection to the lane that says what the library never would. */

import { type ClientOptions, WebSocket } from "ws";
import { type DownMessage, decodeDown, encodeRequest, LANE_PATH, LANE_SUBPROTOCOL } from "../../src/protocol/lane.js";
import { until } from "./until.js";

interface RawLaneOptions extends ClientOptions {
  readonly path?: string;
  readonly protocols?: string[];
}

// biome-ignore lint/suspicious/noExplicitAny: what the server answers is what is tested
type Answer = any;

export class RawLane {
  readonly socket: WebSocket;
  readonly messages: DownMessage[] = [];
  /** Headers of the answer to the upgrade. */
  headers: NodeJS.Dict<string | string[]> = {};
  /** `open`, the status of the answer that refuses the upgrade, or `lost`. */
  readonly #fate: Promise<string>;
  #asked = 0;

  constructor(url: string, { path = LANE_PATH, protocols = [LANE_SUBPROTOCOL], ...options }: RawLaneOptions = {}) {
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}${path}`, protocols, options);
    this.socket.binaryType = "nodebuffer";
    this.socket.on("upgrade", ({ headers }) => {
      this.headers = headers;
    });
    this.socket.on("message", (bytes: Buffer) => {
      const message = decodeDown(bytes, undefined);
      if (message) this.messages.push(message);
    });
    this.#fate = new Promise((done) => {
      this.socket.on("open", () => done("open"));
      this.socket.on("error", () => done("lost"));
      this.socket.on("unexpected-response", (request, { statusCode }) => {
        request.destroy();
        done(String(statusCode));
      });
    });
  }

  upgraded(): Promise<string> {
    return this.#fate;
  }

  ask(name: string, request: unknown): number {
    const id = this.#asked++;
    this.socket.send(encodeRequest(id, name, request));
    return id;
  }

  /** Sends `hello`. Resolves with `in`, or with the code of the refusal. */
  async hello(auth: object = {}): Promise<string> {
    const id = this.ask("hello", { protocol: 2, ...auth });
    const fate = () => {
      for (const message of this.messages) {
        if (message.kind === "reply" && message.id === id) return "in";
        if (message.kind === "event" && message.name === "notice") {
          const { kind, error }: Answer = message.payload;
          if (kind === "goodbye") return String(error.code);
        }
      }
      return this.socket.readyState >= WebSocket.CLOSING ? "closed" : undefined;
    };
    await until("hello is answered", () => fate() !== undefined);
    return fate() ?? "";
  }

  close(): void {
    this.socket.terminate();
  }
}
