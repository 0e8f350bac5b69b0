/* The store of a relay is held to the contract of what it stands for, over Valkey and the embedded store. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { relayed } from "../support/relay.js";
import { startServer } from "../support/valkey-server.js";
import { CONTRACT_HISTORIES, historyContract } from "./history-contract.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

async function openEmbedded(options: Partial<Parameters<typeof EmbeddedStore.open>[0]>) {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const { store, close } = await relayed(await EmbeddedStore.open({ directory, ...options }));
  return {
    store,
    close: async () => {
      await close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

storeContract(
  "relay of valkey",
  async () => {
    const server = await startServer("valkey-server");
    const { store, close } = await relayed(await ValkeyStore.open({ url: server.url, limits: CONTRACT_LIMITS }));
    return {
      store,
      close: async () => {
        await close();
        await server.stop();
      },
    };
  },
  { gathers: true },
);

historyContract("relay of the embedded store", () => openEmbedded({ histories: CONTRACT_HISTORIES }));
