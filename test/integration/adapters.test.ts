/*
 * Boards in an app whose Socket.IO reaches other instances through an adapter of its own: what is said to the clients of
 * one instance stays there. The adapter is Socket.IO's for clusters, over a bus in this process.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Namespace } from "socket.io";
import { ClusterAdapter, type ClusterMessage } from "socket.io-adapter";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

/** Joins the apps that use its adapter, and keeps what crosses. */
class Bus {
  readonly crossed: ClusterMessage[] = [];
  readonly #hear: ((message: ClusterMessage, from: Namespace) => void)[] = [];

  adapter() {
    const { crossed } = this;
    const hear = this.#hear;
    return class extends ClusterAdapter {
      constructor(namespace: Namespace) {
        super(namespace);
        hear.push((message, from) => {
          if (from !== namespace && from.name === namespace.name) this.onMessage(message);
        });
      }

      override async doPublish(message: ClusterMessage): Promise<string> {
        crossed.push(message);
        for (const each of hear) each(message, this.nsp);
        return "";
      }

      override async doPublishResponse(): Promise<void> {
        assert.fail("nothing was asked of another instance");
      }
    };
  }
}

function start(t: TestContext, bus: Bus): Promise<EmbeddedApp> {
  const options = { boards: { main: 64 }, dataDir: temporaryFolder(t), teaching: true, settings: { DRAIN_MS: "0" } };
  return startApp(t, options, (_, io) => void io.adapter(bus.adapter()));
}

async function join(t: TestContext, { url }: EmbeddedApp): Promise<RawClient> {
  const client = new RawClient(url);
  t.after(() => client.close());
  await client.connected();
  await client.open("main");
  return client;
}

const kinds = ({ notices }: RawClient, kind: string) => notices.filter((notice) => notice.kind === kind);

test("messages from an instance to its clients reach no other instance through the app's adapter", async (t) => {
  const bus = new Bus();
  const [one, two] = [await start(t, bus), await start(t, bus)];
  const client = await join(t, two);
  const others = [await join(t, one), await join(t, one)];
  await until("the one says how many are there", () =>
    kinds(others[0] ?? client, "online").some(({ online }) => online === 2),
  );
  await one.boards.board("main").set(7, true);
  others[0]?.close();
  await until("the one says that somebody went", () => kinds(others[1] ?? client, "online").at(-1)?.online === 1);
  await one.boards.drain();
  await until("its clients are asked to go", () => kinds(others[1] ?? client, "goodbye").length > 0);

  // What was sent before is there before this.
  two.io.of("/boards").emit("notice", { kind: "mark" });
  await until("the other's client hears its own instance", () => kinds(client, "mark").length === 1);
  assert.deepEqual(
    client.notices.filter(({ kind, online, people }) => kind !== "mark" && (online ?? people) !== 1),
    [],
  );
  assert.ok(client.socket.connected);
  assert.equal(bus.crossed.length, 1, "the mark alone");
});
