/* What an instance answers to `open`, for tests of the parts of a client that only read it. */

import type { OpenResult } from "../../src/protocol/events.js";

export const OPENED: OpenResult = {
  handle: 0,
  name: "main",
  size: 200_000,
  pages: 4,
  instance: "i",
  online: 1,
  onlineEverywhere: 1,
  storeAvailable: true,
  right: "write",
  limits: { writeCellsMax: 512, writesInFlightMax: 32, watchedPagesMax: 100, watchPagesMax: 2 },
};
