/* Structured logs: one line per incident, not per consequence. Only this file imports pino. */

import { type Logger, pino } from "pino";
import { standardOutput } from "./log-output.js";

/** A pino logger. */
export type Log = Logger;

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "silent"] as const;
/** The lowest level that is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log on standard output, one JSON object per line. `level` is one of LOG_LEVELS. */
export function createLog(level: LogLevel): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, standardOutput);
}

/** A log whose lines are written at every level except `silent`. */
export function auditLog(log: Log): Log {
  return log.level === "silent" ? log : log.child({}, { level: "info" });
}
