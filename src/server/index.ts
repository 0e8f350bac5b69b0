/* The server API of the package. */

export type { Position } from "../board/position.js";
export type { SetAllOptions } from "../board/steps.js";
export { type ErrorBody, type ErrorCode, Refusal } from "../protocol/errors.js";
export type { AuthoriseHook, Permit, ProposedWrite, WriteConsent } from "./access/authorise.js";
export type { Caller } from "./access/caller.js";
export type { Right } from "./access/grant.js";
export type { Region } from "./admin/admin.js";
export type { BoardRules } from "./admin/board-admin.js";
export { type AttachBoardsOptions, type AttachedBoards, attachBoards } from "./attach-boards.js";
export { type BoardClaim, type ForUser, ownerOf } from "./claims/board-claims.js";
export { BadOption, type Config, type Flags, OPTIONS, readConfig } from "./config.js";
export type { BoardChange, ChangeListener } from "./embedding/change-queue.js";
export type { Listening, ListenOptions, ServerBoard, ServerSetOptions } from "./embedding/server-board.js";
export { openStore } from "./open-store.js";
export { type RunningServer, type ServerOptions, startServer } from "./server.js";
export { createLog, type Log, type LogLevel } from "./telemetry/log.js";
