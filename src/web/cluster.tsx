/* The cluster's page: every instance with its health and load, and the whole in small charts. Asks GET /cluster every 2 s. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import {
  type ClusterHistory,
  healthOf,
  type InstanceSample,
  lineOf,
  type Measure,
  NO_HISTORY,
  pointsOf,
  withAnswer,
} from "./cluster-history.js";

const ASK_MS = 2_000;
const CHART = { width: 160, height: 36 };

const WHOLE: readonly { measure: Measure; label: string; format: (value: number) => string }[] = [
  { measure: "clients", label: "Clients", format: count },
  { measure: "writesPerSecond", label: "Writes a second", format: count },
  { measure: "deltasPerSecond", label: "Deltas a second", format: count },
  { measure: "sentBytesPerSecond", label: "Sent a second", format: bytes },
];

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
  return (
    <main class="cluster">
      <header>
        <h1>The cluster</h1>
        <p role="status" translate={false} data-testid="cluster-status">
          {isLost ? "This instance does not answer. Trying again …" : summary(instances)}
        </p>
        {warning !== undefined && (
          <p role="alert" data-testid="cluster-warning">
            {warning}
          </p>
        )}
      </header>
      <dl class="whole" translate={false}>
        {WHOLE.map(({ measure, label, format }) => {
          const line = lineOf(history, measure);
          return (
            <div key={measure}>
              <dt>{label}</dt>
              <dd data-testid={`whole-${measure}`}>{format(line.at(-1) ?? 0)}</dd>
              <Chart line={line} label={`${label} over the last two minutes`} />
            </div>
          );
        })}
      </dl>
      <div class="table">
        <table>
          <thead>
            <tr>
              {[
                "Instance",
                "Health",
                "Clients",
                "Pages",
                "Writes/s",
                "Writes",
                "Deltas/s",
                "Sent/s",
                "Late",
                "Flush",
                "Cores",
                "Memory",
                "Up",
              ].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody translate={false}>
            {instances.map((instance) => (
              <Row key={instance.id} instance={instance} isSelf={instance.id === self} history={history} />
            ))}
          </tbody>
        </table>
      </div>
    </main>
  );
}

function Row({ instance, isSelf, history }: { instance: InstanceSample; isSelf: boolean; history: ClusterHistory }) {
  const health = healthOf(instance);
  const { name, id, clients, pages, writesPerSecond, deltasPerSecond, sentBytesPerSecond } = instance;
  return (
    <tr data-testid="cluster-instance">
      <th scope="row">
        {name}
        {isSelf && <span class="self"> answers</span>}
      </th>
      <td>
        <span class="health" data-health={health}>
          {health}
        </span>
      </td>
      <td>{count(clients)}</td>
      <td>{count(pages)}</td>
      <td>{count(writesPerSecond)}</td>
      <td>
        <Chart line={lineOf(history, "writesPerSecond", id)} label={`Writes a second of ${name}`} />
      </td>
      <td>{count(deltasPerSecond)}</td>
      <td>{bytes(sentBytesPerSecond)}</td>
      <td>{instance.loopDelayMs.toFixed(1)} ms</td>
      <td>{Math.round(instance.flushMs)} ms</td>
      <td>{instance.cores.toFixed(2)}</td>
      <td>{bytes(instance.memoryBytes)}</td>
      <td>{duration(instance.upSeconds)}</td>
    </tr>
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
  if (instances.length === 0) return "Asking …";
  const ill = instances.filter((instance) => healthOf(instance) !== "well").length;
  const all = `${instances.length} ${instances.length === 1 ? "instance" : "instances"}`;
  return ill === 0 ? `${all}, all well` : `${all}, ${ill} not well`;
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
