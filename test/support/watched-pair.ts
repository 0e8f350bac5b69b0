/* Two instances over one store, and a client of each. */

import type { TestContext } from "node:test";
import { type TestClient, watchBoard } from "./clients.js";
import { startInstance } from "./instances.js";

/** All end with the test. */
export async function startWatchedPair(t: TestContext, flags: Parameters<typeof startInstance>[0]) {
  const pair = async <Each>(make: (index: 0 | 1) => Promise<Each>): Promise<readonly [Each, Each]> =>
    Promise.all([make(0), make(1)]);
  const instances = await pair(() => startInstance(flags));
  t.after(() => Promise.all(instances.map((instance) => instance.stop())));
  const clients: readonly [TestClient, TestClient] = await pair((index) => watchBoard(instances[index].url));
  t.after(() => {
    for (const client of clients) client.close();
  });
  return { instances, clients };
}
