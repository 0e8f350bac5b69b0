/*
 * The limit on open files. Each connection takes one, and at the limit nothing more can be opened.
 */

/**
 * Descriptors reserved for the store, the app's files, and connections handed over by the cluster
 * primary. If a worker has none left for such a connection, Node never gives it another one.
 */
const KEPT_FREE = 128;

export function filesMax(): number | undefined {
  const report: unknown = process.report.getReport();
  const limits = field(report, "userLimits");
  const soft = Number(field(field(limits, "open_files"), "soft"));
  return Number.isFinite(soft) ? soft : undefined;
}

let connections: number | undefined;

/** Read only once, because that takes about 30 ms. */
export function connectionsMax(): number {
  if (connections === undefined) {
    const files = filesMax() ?? Number.POSITIVE_INFINITY;
    connections = files - Math.min(KEPT_FREE, files / 2);
  }
  return connections;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
