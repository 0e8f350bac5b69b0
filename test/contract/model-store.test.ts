/* The model that simulations trust is held to the contract of what it stands for. */

import { realClock } from "../../src/protocol/clock.js";
import { ModelStore } from "../support/model-store.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

storeContract(
  "model",
  async () => {
    const store = new ModelStore(realClock, CONTRACT_LIMITS.logDeltasMax);
    return { store, close: () => store.close() };
  },
  { forgets: false },
);
