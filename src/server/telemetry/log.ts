/* Logs: structured, one line for each incident, never one for each of a thousand consequences. The door to pino. */

import { type Logger, pino } from "pino";
import { standardOutput } from "./log-output.js";

export type Log = Logger;

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(level: LogLevel): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, standardOutput);
}

/** Lines that are there whatever the level, as long as anything is logged at all. */
export function auditLog(log: Log): Log {
  return log.level === "silent" ? log : log.child({}, { level: "info" });
}
