/* The limit of open files. Each connection is one, and past the limit nothing can be opened. */

/**
 * Descriptors kept free of connections: for the store, the files of the app, and connections handed
 * on by the primary. If a worker has none left for one of those, Node never gives it another one.
 */
const KEPT_FREE = 128;

export function filesMax(): number | undefined {
  const report: unknown = process.report.getReport();
  const limits = field(report, "userLimits");
  const soft = Number(field(field(limits, "open_files"), "soft"));
  return Number.isFinite(soft) ? soft : undefined;
}

let connections: number | undefined;

/** The limit is read once, because that takes some 30 ms. */
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
