/* The client library over real sockets, on a clock that the test moves. */

import type { TestContext } from "node:test";
import type { ConnectionOptions } from "../../src/client/api/connect-options.js";
import { LiveClient } from "../../src/client/client.js";
import { Connection } from "../../src/client/connection/connection.js";
import { newSession } from "./raw-client.js";
import { VirtualClock } from "./virtual-clock.js";

/** Without chance, so that a test knows how long each pause is: 100 ms, 200 ms, and so on. */
class EvenClock extends VirtualClock {
  override random(): number {
    return 0.5;
  }
}

/** Let time pass, but never so much that an attempt that has begun is given up as well. */
export function clientOn(t: TestContext, url: string, options: ConnectionOptions = {}) {
  const clock = new EvenClock();
  const client = new LiveClient({
    open: (listener) => new Connection([url], clock, listener, options),
    clock,
    newSession,
  });
  t.after(() => client.close());
  return { client, clock };
}
