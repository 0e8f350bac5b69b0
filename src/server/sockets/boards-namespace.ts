/*
 * Protocol 1 in the namespace `/boards`. Each event is a request, and its acknowledgement is the
 * answer.
 */

import type { Notice } from "../../protocol/events.js";
import { PROTOCOL_VERSION } from "../../protocol/version.js";
import { Client, isRequest } from "../clients/client.js";
import type { Presence } from "../fleet/presence.js";
import type { Instance } from "../instance/instance.js";
import type { Entered } from "./entry.js";

export function serveBoards(instance: Instance, presence: Presence, entered: Entered): () => void {
  const { socket, responder } = entered;
  const client = new Client(instance, { ...entered, presence, protocol: PROTOCOL_VERSION });
  const complain = (detail: string) => {
    socket.emit("notice", { kind: "error", error: responder.reject(detail) } satisfies Notice);
  };
  // One listener for all requests, because five would take another kilobyte per client.
  socket.onAny((name: string, ...args: unknown[]) => {
    if (!isRequest(name)) return complain("there is no such request");
    const ack = args.at(-1);
    if (typeof ack !== "function") return complain(`${name} has no acknowledgement callback: pass one`);
    const input = args.length > 1 ? args[0] : undefined;
    responder.answer<object>(
      (settle) => client.ask(name, input, settle),
      (reply) => ack(reply),
    );
  });
  return () => client.close();
}
