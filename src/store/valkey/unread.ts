/*
 * Leaves a socket unread for a while: what comes waits in the kernel, and the event loop is not
 * woken by it. `pause` of a socket does not do that: it goes on reading into its buffer, and is
 * woken as often. So this reaches for the handle below the socket, which Node does not document;
 * where it is not as expected, the socket is simply read as ever.
 */

export interface Unread {
  /** Goes on reading; what came meanwhile is read when the event loop next looks at its sockets. */
  read(): void;
}

interface Handle {
  /** As the socket believes. */
  readonly reading: boolean;
  readStop(): number;
  readStart(): number;
}

/** Undefined where it cannot be done: the socket is closed, or not reading anyway. */
export function leaveUnread(socket: object): Unread | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isHandle(handle) || !handle.reading) return undefined;
  handle.readStop();
  return {
    read: () => {
      // Closed meanwhile, it has another handle or none.
      if (Reflect.get(socket, "_handle") === handle) handle.readStart();
    },
  };
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== "object" || value === null) return false;
  return ["readStop", "readStart"].every((name) => typeof Reflect.get(value, name) === "function");
}
