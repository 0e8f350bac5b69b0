/*
 * The cluster view: each instance with its health and load, and the whole cluster in small charts.
 */

import { type ComponentChildren, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { countOf } from "../protocol/count.js";
import {
  type ClusterHistory,
  healthOf,
  type InstanceSample,
  lineOf,
  type Measure,
  NO_HISTORY,
  pointsOf,
  versionsOf,
  withAnswer,
} from "./cluster-history.js";
import { SiteHeader } from "./site-header.js";

const ASK_MS = 2_000;
const CHART = { width: 160, height: 36 };

const WHOLE: readonly { measure: Measure; label: string; format: (value: number) => string }[] = [
  { measure: "clients", label: "Clients", format: count },
  { measure: "writesPerSecond", label: "Writes per second", format: count },
  { measure: "deltasPerSecond", label: "Change batches per second", format: count },
  { measure: "sentBytesPerSecond", label: "Data sent per second", format: bytes },
];

const TONES: Readonly<Record<string, string>> = { healthy: "good", busy: "waiting" };

const COLUMNS: Readonly<Record<string, (of: InstanceSample, history: ClusterHistory) => ComponentChildren>> = {
  Health: (of) => (
    <span class="pill" data-tone={TONES[healthOf(of)] ?? "bad"}>
      {healthOf(of)}
    </span>
  ),
  Clients: ({ clients }) => count(clients),
  "Pages in use": ({ pages }) => count(pages),
  "Writes/s": ({ writesPerSecond }) => count(writesPerSecond),
  "Last 2 minutes": ({ id, name }, history) => (
    <Chart line={lineOf(history, "writesPerSecond", id)} label={`Writes per second on ${name}`} />
  ),
  "Change batches/s": ({ deltasPerSecond }) => count(deltasPerSecond),
  "Data sent/s": ({ sentBytesPerSecond }) => bytes(sentBytesPerSecond),
  "Event-loop delay": ({ loopDelayMs }) => `${loopDelayMs.toFixed(1)} ms`,
  "Flush interval": ({ flushMs }) => `${Math.round(flushMs)} ms`,
  Cores: ({ cores }) => cores.toFixed(2),
  Memory: ({ memoryBytes }) => bytes(memoryBytes),
  Uptime: ({ upSeconds }) => duration(upSeconds),
};

/** Shown only during an upgrade, because the table is wide. */
const VERSION: typeof COLUMNS = { Version: ({ version }) => version };

function Cluster() {
  const [history, setHistory] = useState<ClusterHistory>(NO_HISTORY);
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      const answer = await readCluster().catch(() => undefined);
      setHistory((before) => withAnswer(before, answer) ?? before);
      setLost(answer === undefined);
      timer = setTimeout(ask, ASK_MS);
    };
    void ask();
    return () => clearTimeout(timer);
  }, []);
  const { instances, self, warning } = history;
  const columns = versionsOf(instances).length > 1 ? { ...COLUMNS, ...VERSION } : COLUMNS;
  return (
    <>
      <SiteHeader page="Cluster">
        <p role="status" translate={false} data-testid="cluster-status">
          {isLost ? "This instance is not responding. Trying again …" : summary(instances)}
        </p>
      </SiteHeader>
      <main class="content">
        {warning !== undefined && (
          <p class="notice" role="alert" data-tone="waiting" data-testid="cluster-warning">
            {warning}
          </p>
        )}
        <dl class="tiles" translate={false}>
          {WHOLE.map(({ measure, label, format }) => {
            const line = lineOf(history, measure);
            return (
              <div key={measure}>
                <dt>{label}</dt>
                <dd>
                  <span data-testid={`whole-${measure}`}>{format(line.at(-1) ?? 0)}</span>
                  <Chart line={line} label={`${label} in the last two minutes`} />
                </dd>
              </div>
            );
          })}
        </dl>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keys must be able to scroll it */}
        <section class="table" aria-label="Instances" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {["Instance", ...Object.keys(columns)].map((head) => (
                  <th key={head} scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody translate={false}>
              {instances.map((instance) => (
                <tr key={instance.id} data-testid="cluster-instance">
                  <th scope="row">
                    {instance.name}
                    {instance.id === self && <span class="self"> (this one)</span>}
                  </th>
                  {Object.entries(columns).map(([head, show]) => (
                    <td key={head}>{show(instance, history)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </main>
    </>
  );
}

function Chart({ line, label }: { line: readonly number[]; label: string }) {
  const { width, height } = CHART;
  return (
    <svg class="chart" viewBox={`0 -1 ${width} ${height + 2}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={pointsOf(line, width, height)} />
    </svg>
  );
}

function summary(instances: readonly InstanceSample[]): string {
  if (instances.length === 0) return "Loading …";
  const troubled = instances.filter((instance) => healthOf(instance) !== "healthy").length;
  const all = countOf(instances.length, "instance");
  const version = `, version ${versionsOf(instances).join(", ")}`;
  if (instances.length === 1) return `${all}, ${troubled === 0 ? "" : "not "}healthy${version}`;
  return `${all}, ${troubled === 0 ? "all" : `${troubled} not`} healthy${version}`;
}

function count(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

function bytes(value: number): string {
  const unit = value >= 1e9 ? 1e9 : value >= 1e6 ? 1e6 : value >= 1e3 ? 1e3 : 1;
  return `${(value / unit).toFixed(unit === 1 ? 0 : 1)} ${{ 1: "B", 1e3: "kB", 1e6: "MB", 1e9: "GB" }[unit] ?? ""}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

async function readCluster(): Promise<unknown> {
  const response = await fetch("cluster", { headers: { accept: "application/json" } });
  return response.ok ? response.json() : undefined;
}

const root = document.getElementById("page");
if (!root) throw new Error("cluster.html has no #page");
render(<Cluster />, root);
