/* Structured logs: one line for each incident, not for each consequence. The door to pino. */

import { type Logger, pino } from "pino";
import { standardOutput } from "./log-output.js";

export type Log = Logger;

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(level: LogLevel): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, standardOutput);
}

/** Its lines are logged at every level but `silent`. */
export function auditLog(log: Log): Log {
  return log.level === "silent" ? log : log.child({}, { level: "info" });
}
