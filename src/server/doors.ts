/*
 * The two doors through which clients hold connections, on one HTTP server: Socket.IO and the lane.
 * Both count and guard connections together.
 */

import type { IncomingMessage } from "node:http";
import type { Server as SocketServer } from "socket.io";
import type { Refusal } from "../protocol/errors.js";
import { BadOption } from "./config.js";
import { type ConnectionLimits, Connections } from "./connections/connections.js";
import type { HttpGate } from "./connections/gate.js";
import { ignoreOtherUpgrades } from "./connections/upgrades.js";
import { Notices } from "./fleet/notices.js";
import type { Presence } from "./fleet/presence.js";
import { isAt, takeOffBase } from "./input/base-path.js";
import type { Instance } from "./instance/instance.js";
import { Lane } from "./lane/lane.js";
import type { Trust } from "./limits/client-address.js";
import { RelayDoor } from "./relays/relay-door.js";
import { attachSockets } from "./sockets/sockets.js";

export interface DoorOptions {
  /** Speak the teaching protocol in `/`. */
  readonly teaching: boolean;
  /** Of each connection. */
  readonly limits: ConnectionLimits;
  readonly presence: Presence;
  /** Every request of long-polling passes it first. */
  readonly gate: HttpGate;
  readonly trust: Trust;
  /** Count connections that join no namespace. Off if the app has namespaces of its own. */
  readonly countsAll: boolean;
  /** Sites whose pages may use boards beside the server's own; `*` for every site's. */
  readonly origins: readonly string[];
  /** As in `Config`. An app around has none. */
  readonly basePath?: string;
  /** The lane's path below the base path. Empty: there is no lane. */
  readonly lanePath: string;
  /** Relays that know it get a link at the lane's path. Undefined: there are no relays. */
  readonly relaySecret?: string | undefined;
  /** Have the lane even if the app has middlewares in our namespace, which would not see it. */
  readonly passesMiddleware: boolean;
  /** A connection of the lane that sends nothing is closed after this. */
  readonly silentMsMax: number;
}

export interface Doors {
  online(): number;
  /** Disconnects a user's clients, at both doors. Returns the number of connections. */
  disconnect(subject: string): number;
  /** Sends every client the reason, upon which it disconnects. */
  close(reason: Refusal): void;
  /** Ends what the Socket.IO server does not end itself. */
  closeLane(): void;
}

/** HTTP server -> the paths of its lanes. */
const lanes = new WeakMap<object, Set<string>>();

/** Throws BadOption if the lane's path is taken. */
export function openDoors(io: SocketServer, instance: Instance, options: DoorOptions): Doors {
  const { presence, lanePath, basePath = "", limits, trust, origins, silentMsMax, passesMiddleware } = options;
  const connections = new Connections(instance, limits, trust);
  const notices = new Notices(instance, presence);
  const sockets = attachSockets(io, instance, connections, options);
  notices.through(sockets.notify);
  if (lanePath !== "") claimPath(io.httpServer, lanePath, sockets.isOurs);
  const { httpServer: http } = io;
  const isAtLane = (request: IncomingMessage) => lanePath !== "" && isAt(request, lanePath);
  const relays =
    options.relaySecret === undefined || lanePath === ""
      ? undefined
      : new RelayDoor(http, instance, { secret: options.relaySecret, isAtLane });
  const isForLane = (request: IncomingMessage) =>
    isAtLane(request) && !relays?.isOurs(request) && (passesMiddleware || !sockets.hasOtherMiddleware());
  const isOurs = (request: IncomingMessage) => {
    takeOffBase(request, basePath);
    return sockets.isOurs(request) || isForLane(request) || relays?.isOurs(request) === true;
  };
  // Socket.IO listens, and each door that is there.
  ignoreOtherUpgrades(http, isOurs, 1 + (lanePath === "" ? 0 : 1) + (relays ? 1 : 0));
  const lane =
    lanePath === ""
      ? undefined
      : new Lane(http, instance, connections, {
          isOurs: isForLane,
          presence,
          origins,
          passGuards: sockets.passGuards,
          silentMsMax,
        });
  if (lane) {
    notices.through((notice) => lane.notify(notice));
    // The app's `io.close()` waits until no connection is left.
    sockets.whenClosed(() => lane.close());
  }
  if (relays) sockets.whenClosed(() => relays.close());
  return {
    online: () => sockets.online() + (lane?.online ?? 0),
    disconnect: (subject) => sockets.disconnect(subject) + (lane?.disconnect(subject) ?? 0),
    close: (reason) => notices.close(reason),
    closeLane: () => {
      lane?.close();
      relays?.close();
    },
  };
}

/** An upgrade that two listeners answer would end the process. */
function claimPath(http: object, path: string, isForSockets: (request: { url: string }) => boolean): void {
  const taken = lanes.get(http) ?? new Set();
  lanes.set(http, taken);
  if (isForSockets({ url: path })) {
    throw new BadOption(`the lane's path ${path} lies below Socket.IO's: choose another, or turn the lane off`);
  }
  if (taken.has(path)) {
    throw new BadOption(`another lane of this HTTP server has the path ${path}: choose another, or turn this lane off`);
  }
  taken.add(path);
}
