/* The teaching protocol in the namespace `/`: clicks and chat messages. */

import type { Server } from "socket.io";
import { Refusal } from "../../protocol/errors.js";
import { TEACHING_NAMESPACE } from "../../protocol/version.js";
import { settleWith } from "../clients/responder.js";
import type { Instance } from "../instance/instance.js";
import type { Entered, Entry } from "./entry.js";
import { Teaching } from "./teaching/teaching.js";

/** A message goes to everyone, so it is smaller than other requests. */
export const MESSAGE_CHARACTERS_MAX = 2_000;
const SOCKETS_PER_TURN = 100;
const QUEUED_MAX = 500;
const BUSY_RETRY_MS = 1_000;
const KIB = 1_024;

const DONE = { ok: true };

export function openTeaching(io: Server, instance: Instance, entry: Entry): void {
  const root = io.of(TEACHING_NAMESPACE);
  const teaching = new Teaching(instance);
  const chat = new Chat(
    instance,
    () => [...root.sockets.keys()],
    (sockets, text) => root.local.in(sockets).emit("server-message", text),
  );
  entry.open(
    root,
    (entered) => serveTeaching(instance, teaching, chat, entered),
    (visitor) => {
      teaching.board();
      teaching.require(visitor, "view");
    },
  );
}

function serveTeaching(instance: Instance, teaching: Teaching, chat: Chat, entered: Entered): () => void {
  const { socket, visitor, allowance, recipient, responder } = entered;
  const write = teaching.writer(allowance.address, visitor);
  const say = async (text: unknown) => {
    if (typeof text !== "string" || text.length > MESSAGE_CHARACTERS_MAX) {
      throw new Refusal("BAD_REQUEST", {
        detail: `message: not a string of at most ${MESSAGE_CHARACTERS_MAX} characters`,
      });
    }
    teaching.require(visitor, "write");
    const waitMs = allowance.messages.take(1, instance.clock.now());
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
    chat.say(allowance.address, text);
    return DONE;
  };

  socket.on("checkbox-update", (...args: unknown[]) => {
    const [input] = args;
    responder.answer<object>(
      (settle) => settleWith(write(input), settle),
      (reply) => {
        acknowledge(args.at(-1), reply);
        // A client that showed the click at once must learn that it did not happen.
        const present = "error" in reply && teaching.present(input);
        if (present) socket.emit("checkbox-update", present);
      },
    );
  });
  socket.on("message", (...args: unknown[]) => {
    responder.answer<object>(
      (settle) => settleWith(say(args[0]), settle),
      (reply) => acknowledge(args.at(-1), reply),
    );
  });
  socket.onAny((name: string) => {
    if (name !== "checkbox-update" && name !== "message") responder.reject("there is no such event");
  });
  const leave = teaching.join(recipient);
  // It counts as one of the board's people, and is not sent their number.
  const person = { backlogged: true, send: () => undefined };
  const board = teaching.board();
  instance.audiences.join(board, person);
  return () => {
    instance.audiences.leave(board, person);
    leave();
  };
}

function acknowledge(ack: unknown, reply: object): void {
  if (typeof ack === "function") ack(reply);
}

/**
 * Messages to everyone. The cost of a message grows with the number of sockets, and is charged to
 * its sender's address. Each turn of the event loop serves only some sockets, so that clicks do not
 * wait.
 *
 *     say ──► queue, in order ──► 100 sockets per turn, until all have it ──► next message
 */
export class Chat {
  readonly #instance: Pick<Instance, "admission" | "clock">;
  readonly #sockets: () => string[];
  readonly #emit: (sockets: string[], text: string) => void;
  readonly #queued: string[] = [];

  /** `sockets` returns the ids of all sockets; `emit` sends one message to some of them. */
  constructor(
    instance: Pick<Instance, "admission" | "clock">,
    sockets: () => string[],
    emit: (sockets: string[], text: string) => void,
  ) {
    this.#instance = instance;
    this.#sockets = sockets;
    this.#emit = emit;
  }

  /**
   * Sends `text` to all sockets. Throws BUSY, or RATE_LIMITED if the address has used up its work
   * budget.
   */
  say(address: string, text: string): void {
    if (this.#queued.length >= QUEUED_MAX) throw new Refusal("BUSY", { retryAfterMs: BUSY_RETRY_MS });
    this.#instance.admission.admitWork(address, this.#sockets().length * (1 + Buffer.byteLength(text) / KIB));
    this.#queued.push(text);
    if (this.#queued.length === 1) this.#send(this.#sockets());
  }

  #send(sockets: string[]): void {
    const [text] = this.#queued;
    if (text === undefined) return;
    this.#emit(sockets.splice(0, SOCKETS_PER_TURN), text);
    if (sockets.length === 0) this.#queued.shift();
    if (this.#queued.length === 0) return;
    this.#instance.clock.after(0, () => this.#send(sockets.length > 0 ? sockets : this.#sockets()));
  }
}
