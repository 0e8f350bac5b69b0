/* The metrics as others know them: the table of docs/observe.md and the dashboard name what is there, and all of it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Counter, Gauge, Histogram, type Metric } from "prom-client";
import { Metrics } from "../../../../src/server/telemetry/metrics.js";

const read = (file: string) => readFileSync(new URL(`../../../../${file}`, import.meta.url), "utf8");
const { registry } = new Metrics(() => ({
  pages: 0,
  flushMs: 0,
  watchers: 0,
  lagging: 0,
  overviewWatchers: 0,
  storeAvailable: true,
  storeFailures: 0,
}));

function kindOf(metric: Metric | undefined): string {
  if (metric instanceof Counter) return "counter";
  if (metric instanceof Gauge) return "gauge";
  return metric instanceof Histogram ? "histogram" : "?";
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { x: number; y: number; w: number; h: number };
    readonly targets: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

describe("the metrics", () => {
  test("are in the table of docs/observe.md as they are", () => {
    const rows = registry.getMetricsAsArray().map(({ name, help }) => {
      return `| \`${name}\` | ${kindOf(registry.getSingleMetric(name))} | ${help} |`;
    });
    const lines = read("docs/observe.md").split("<!-- metrics")[1]?.split("\n") ?? [];
    const table = lines.slice(lines.findIndex((line) => line.startsWith("| ---")) + 1);
    assert.deepEqual(
      table.slice(
        0,
        table.findIndex((line) => !line.startsWith("|")),
      ),
      rows,
    );
  });

  test("are what the dashboard asks for: each query names one that is there, in the form of its kind, and none is left out", () => {
    const dashboard: Dashboard = JSON.parse(read("deploy/grafana-dashboard.json"));
    const asked = new Set<string>();
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    assert.ok(expressions.length > 20);
    for (const expr of [...expressions, JSON.stringify(dashboard.templating.list)]) {
      const names = expr.match(/\b(?:socketscaler|process)_\w+/g) ?? [];
      for (const name of names) {
        const base = name.replace(/_(bucket|sum|count)$/, "");
        const isHistogram = kindOf(registry.getSingleMetric(base)) === "histogram";
        assert.ok(isHistogram ? base !== name : registry.getSingleMetric(name), `${name} in ${expr}`);
        if (kindOf(registry.getSingleMetric(name)) === "counter") assert.match(expr, /rate\(/, expr);
        asked.add(isHistogram ? base : name);
      }
      for (const [, label = ""] of expr.matchAll(/by \((\w+)\)/g)) {
        const labels = names.flatMap((name) => labelsOf(name.replace(/_(bucket|sum|count)$/, "")));
        assert.ok(["instance", "le", ...labels].includes(label), `${label} in ${expr}`);
      }
    }
    assert.deepEqual(
      [...asked].sort(),
      registry
        .getMetricsAsArray()
        .map(({ name }) => name)
        .sort(),
    );
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });

  test("say what was sent and written", async () => {
    const metrics = new Metrics(() => ({
      pages: 1,
      flushMs: 16,
      watchers: 2,
      lagging: 0,
      overviewWatchers: 0,
      storeAvailable: true,
      storeFailures: 3,
    }));
    metrics.sent(100);
    metrics.sent(20);
    metrics.committed({ writes: 5, changes: 7, ms: 2 });
    const text = await metrics.text();
    for (const line of [
      "socketscaler_sent_bytes_total 120",
      "socketscaler_sent_packets_total 2",
      "socketscaler_batch_writes_sum 5",
      "socketscaler_changes_total 7",
      "socketscaler_store_failures_total 3",
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
  });
});

function labelsOf(name: string): readonly string[] {
  const metric: unknown = registry.getSingleMetric(name);
  const labels: unknown = typeof metric === "object" && metric && "labelNames" in metric ? metric.labelNames : [];
  return Array.isArray(labels) ? labels.map(String) : [];
}
