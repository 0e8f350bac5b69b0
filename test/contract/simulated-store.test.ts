/* The store that the simulation trusts is held to the contract of what it stands for. */

import { realClock } from "../../src/protocol/clock.js";
import { StoreLink } from "../simulation/store-link.js";
import { StoreServer } from "../simulation/store-server.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

const FAIR_WEATHER = {
  delayMs: () => 0,
  newsMs: () => 0,
  losesNews: () => false,
  repeatMs: () => undefined,
  reconnectMs: () => 0,
};

storeContract(
  "simulated",
  async () => {
    const server = new StoreServer(
      { pageBytes: 8192, logMax: CONTRACT_LIMITS.logDeltasMax },
      {
        committed: () => undefined,
        published: (name, delta, claims) => link.news.publish(name, delta, claims),
        confused: (name) => {
          throw new Error(`two states of ${name} at one position`);
        },
      },
    );
    const link = new StoreLink(server, realClock, FAIR_WEATHER, {
      troubled: () => undefined,
      heard: () => undefined,
      resumed: () => undefined,
    });
    return { store: link, close: () => link.close() };
  },
  { forgets: false },
);
