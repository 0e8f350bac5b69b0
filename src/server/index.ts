/* The server API of the package. */

export { BadOption, type Config, OPTIONS, readConfig } from "./config.js";
export { createLog, type Log } from "./log.js";
export {
  type AttachBoardsOptions,
  type AttachedBoards,
  attachBoards,
  openStore,
  type RunningServer,
  type ServerOptions,
  startServer,
} from "./server.js";
