/*
 * Leaves a socket unread for a while: data waits in the kernel and does not wake the event loop.
 * The socket's own `pause` does not do that, because it keeps filling its buffer. So this uses the
 * handle below the socket, which Node does not document. If the handle is not as expected, the
 * socket is read as usual.
 */

export interface Unread {
  /** Resumes reading, from the next round of the event loop on. */
  read(): void;
}

interface Handle {
  readonly reading: boolean;
  readStop(): number;
  readStart(): number;
}

/** Undefined if that is impossible, as for a socket that is closed or not reading. */
export function leaveUnread(socket: object): Unread | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isHandle(handle) || !handle.reading) return undefined;
  handle.readStop();
  return {
    read: () => {
      // A socket that was closed in between has another handle, or none.
      if (Reflect.get(socket, "_handle") === handle) handle.readStart();
    },
  };
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== "object" || value === null) return false;
  return ["readStop", "readStart"].every((name) => typeof Reflect.get(value, name) === "function");
}
