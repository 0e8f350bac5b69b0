/*
 * The files of deploy/ that cannot be run in a test: they parse, set only options that exist, to values that are taken, and
 * agree with each other and with the code about ports, paths and times.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";
import { RULES } from "../src/protocol/refusal.js";
import { OPTIONS, readConfig } from "../src/server/config.js";

const deploy = fileURLToPath(new URL("../deploy/", import.meta.url));
const read = (file: string) => readFileSync(join(deploy, file), "utf8");

// biome-ignore lint/suspicious/noExplicitAny: what the files hold is what is tested
type Parsed = any;

const compose: Parsed = parse(read("compose.yaml"), { merge: true });
const kubernetes: Parsed[] = parseAllDocuments(read("kubernetes/socketscaler.yaml")).map((document) => {
  assert.deepEqual(document.errors, []);
  return document.toJS();
});
const relays: Parsed[] = parseAllDocuments(read("kubernetes/relay.yaml")).map((document) => {
  assert.deepEqual(document.errors, []);
  return document.toJS();
});
const relay = (name: string): Parsed => relays.find((one) => one.kind === name);
const kind = (name: string): Parsed => kubernetes.find((one) => one.kind === name);
const instances = Object.entries<Parsed>(compose.services).filter(([name]) => name.startsWith("instance-"));
const pod = kind("Deployment").spec.template.spec;
const [container] = pod.containers;

/** What else their processes are told. */
const NOT_OURS = ["NODE_ENV"];

/** What each file sets for an instance. */
const ENVIRONMENTS: Readonly<Record<string, Record<string, string>>> = {
  Dockerfile: assignments(/^ENV (.*)$/m.exec(read("Dockerfile"))?.[1]),
  "compose.yaml": instances[0]?.[1].environment,
  kubernetes: { ...kind("Secret").stringData, ...kind("ConfigMap").data },
  "compose.yaml, relay": compose.services.relay.environment,
  "kubernetes/relay.yaml": { ...relay("Secret").stringData, ...relay("ConfigMap").data },
  "socketscaler.service": assignments(/^Environment=(.*)$/m.exec(read("socketscaler.service"))?.[1]),
};

function assignments(line = ""): Record<string, string> {
  return Object.fromEntries(line.split(" ").map((one) => one.split("=") as [string, string]));
}

/** As compose reads it, for somebody who has set the secret. */
function filledIn(environment: Record<string, string>): Record<string, string> {
  const secret = "a secret of thirty-two bytes or more";
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{RELAY_SECRET:-\}/, secret)]),
  );
}

/** A drain's bound, as docs/deploy.md gives it. */
function drainMsMax(environment: Record<string, string>): number {
  const { drainMs, writeWaitMs, durabilityWaitMs } = readConfig({}, filledIn(environment));
  return drainMs + 2 * writeWaitMs + 2 * durabilityWaitMs + 7_000;
}

describe("deploy/", () => {
  for (const [file, environment] of Object.entries(ENVIRONMENTS)) {
    test(`${file} sets only options that exist, to values that are taken`, () => {
      const known = Object.values(OPTIONS).map(({ env }) => env);
      const names = Object.keys(environment).filter((name) => !NOT_OURS.includes(name));
      assert.ok(names.length > 0);
      for (const name of names) assert.ok(known.includes(name), `${file} sets ${name}`);
      readConfig({}, filledIn(environment));
    });
  }

  test("relays reach instances that are there, at the service and the port that they have", () => {
    const port = OPTIONS.port.fallback;
    const { upstreamUrls } = readConfig({}, filledIn(ENVIRONMENTS["compose.yaml, relay"] ?? {}));
    assert.deepEqual(
      upstreamUrls,
      instances.map(([name]) => `http://${name}:${port}`),
    );
    const { metadata, spec } = kind("Service");
    assert.equal(relay("ConfigMap").data.UPSTREAM_URL, `http://${metadata.name}`);
    assert.deepEqual([spec.ports[0].port, relay("Service").spec.ports[0].port], [80, 80]);
    assert.deepEqual(relay("Service").spec.selector, relay("Deployment").spec.template.metadata.labels);
    assert.deepEqual(relay("Deployment").spec.selector.matchLabels, relay("Service").spec.selector);
    const [{ readinessProbe, livenessProbe, ports }] = relay("Deployment").spec.template.spec.containers;
    assert.deepEqual([readinessProbe.httpGet.path, livenessProbe.httpGet.path], ["/ready", "/health"]);
    assert.deepEqual(ports, [{ name: "http", containerPort: Number(port) }]);
  });

  test("every name in the container's own variables is an option", () => {
    for (const { name } of container.env)
      assert.ok(
        Object.values(OPTIONS).some(({ env }) => env === name),
        name,
      );
  });

  test("whoever ends an instance waits longer than its drain may take", () => {
    const seconds = (text: unknown) => Number(/^(\d+)s?$/.exec(String(text))?.[1]) * 1_000;
    for (const [, { stop_grace_period: grace, environment }] of instances) {
      assert.ok(seconds(grace) > drainMsMax(environment));
    }
    const stop = /^TimeoutStopSec=(\d+)$/m.exec(read("socketscaler.service"))?.[1];
    assert.ok(seconds(stop) > drainMsMax(ENVIRONMENTS["socketscaler.service"] ?? {}));
    const hookMs = Number(/\d+/.exec(container.lifecycle.preStop.exec.command.at(-1))?.[0]);
    assert.ok(hookMs > 0);
    assert.ok(
      seconds(pod.terminationGracePeriodSeconds) > hookMs + drainMsMax(ENVIRONMENTS.kubernetes ?? {}),
      "terminationGracePeriodSeconds",
    );
  });

  test("compose has four instances, and balancers and Prometheus name each of them with its port", () => {
    assert.equal(instances.length, 4);
    const port = OPTIONS.port.fallback;
    const targets = instances.map(([name]) => `${name}:${port}`);
    const { scrape_configs: scrapes }: Parsed = parse(read("prometheus/prometheus.yml"));
    assert.deepEqual(scrapes[0].static_configs[0].targets, targets);
    for (const file of ["nginx.conf", "haproxy.cfg", "Caddyfile"]) {
      assert.deepEqual([...new Set(read(file).match(/instance-\d:\d+/g))], targets, file);
    }
    for (const { volumes = [] } of Object.values<Parsed>(compose.services)) {
      for (const volume of volumes as string[]) {
        const [source = ""] = volume.split(":");
        if (source.startsWith(".")) read(source);
        else assert.ok(source in compose.volumes, volume);
      }
    }
    assert.equal(ENVIRONMENTS["compose.yaml"]?.TRUSTED_PROXIES, compose.networks.default.ipam.config[0].subnet);
  });

  test("the pods are asked at paths and ports that are served, and everything selects them", () => {
    const port = Number(OPTIONS.port.fallback);
    assert.deepEqual(container.ports, [{ name: "http", containerPort: port }]);
    assert.deepEqual(
      [container.readinessProbe.httpGet, container.livenessProbe.httpGet],
      [
        { path: "/ready", port: "http" },
        { path: "/health", port: "http" },
      ],
    );
    const { labels, annotations } = kind("Deployment").spec.template.metadata;
    assert.equal(Number(annotations["prometheus.io/port"]), port);
    assert.deepEqual(kind("Service").spec.selector, labels);
    assert.deepEqual(kind("PodDisruptionBudget").spec.selector.matchLabels, labels);
    assert.deepEqual(kind("Deployment").spec.selector.matchLabels, labels);
    const { scaleTargetRef, metrics } = kind("HorizontalPodAutoscaler").spec;
    assert.equal(scaleTargetRef.name, kind("Deployment").metadata.name);
    const source = readFileSync(join(dirname(deploy), "src/server/telemetry/metrics.ts"), "utf8");
    assert.ok(source.includes(`"${metrics[0].pods.metric.name}"`), "the metric exists");
    assert.equal(pod.securityContext.runAsNonRoot, true);
  });

  test("the image runs as another user than root, asks /health, and names a command that is built", () => {
    const text = read("Dockerfile");
    const last = text.slice(text.lastIndexOf("\nFROM "));
    assert.match(last, /^USER node$/m);
    assert.match(last, /HEALTHCHECK[\s\S]*\/health/);
    assert.match(last, /^CMD \["node", "dist\/cli\/main\.js", "serve"\]$/m);
    assert.match(last, new RegExp(`^EXPOSE ${OPTIONS.port.fallback}$`, "m"));
    const { bin }: Parsed = JSON.parse(readFileSync(join(deploy, "../package.json"), "utf8"));
    assert.equal(bin.socketscaler, "dist/cli/main.js");
  });

  test("Grafana finds the dashboard where compose puts it", () => {
    const mounts = new Map<string, string>(
      compose.services.grafana.volumes.map((volume: string) => {
        const [source = "", target = ""] = volume.split(":");
        return [source, target];
      }),
    );
    const { providers }: Parsed = parse(read("prometheus/grafana-dashboards.yml"));
    assert.equal(dirname(mounts.get("./grafana-dashboard.json") ?? ""), providers[0].options.path);
    assert.match(
      mounts.get("./prometheus/grafana-dashboards.yml") ?? "",
      /^\/etc\/grafana\/provisioning\/dashboards\//,
    );
    assert.match(mounts.get("./prometheus/grafana-source.yml") ?? "", /^\/etc\/grafana\/provisioning\/datasources\//);
  });

  test("the pods can write to /tmp, where workers have their sockets, and to nothing else", () => {
    assert.equal(container.securityContext.readOnlyRootFilesystem, true);
    const [{ name, mountPath }, ...others] = container.volumeMounts;
    assert.deepEqual([mountPath, others], ["/tmp", []]);
    assert.deepEqual(pod.volumes, [{ name, emptyDir: {} }]);
  });

  test("systemd takes the unit, where there is systemd, and tells the main process alone", (t) => {
    assert.match(read("socketscaler.service"), /^KillMode=mixed$/m);
    const checked = spawnSync("systemd-analyze", ["verify", join(deploy, "socketscaler.service")], {
      encoding: "utf8",
    });
    if (checked.error) return t.diagnostic("not verified: systemd-analyze is not here");
    assert.equal(checked.status, 0, checked.stderr);
  });

  test("the alerts are about metrics and codes that exist, and docs/observe.md lists them", () => {
    const { groups }: Parsed = parse(read("prometheus/alerts.yml"));
    const rules: Parsed[] = groups.flatMap((group: Parsed) => group.rules);
    assert.ok(rules.length > 8);
    const metrics = ["metrics.ts", "process-metrics.ts"]
      .map((file) => readFileSync(join(dirname(deploy), "src/server/telemetry", file), "utf8"))
      .join("\n");
    for (const { alert, expr, annotations } of rules) {
      const names = expr.match(/\b(?:socketscaler|process)_\w+/g) ?? ["up"];
      for (const name of names) assert.ok(name === "up" || metrics.includes(`"${name}"`), `${alert}: ${name}`);
      for (const [, code = ""] of expr.matchAll(/code="(\w+)"/g)) assert.ok(code in RULES, `${alert}: ${code}`);
      for (const text of [annotations.summary, annotations.description]) assert.ok(text, alert);
    }
    const [, table = ""] = readFileSync(join(deploy, "../docs/observe.md"), "utf8").split("<!-- alerts");
    assert.deepEqual(
      Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name),
      rules.map(({ alert }) => alert),
    );
    const { rule_files: files }: Parsed = parse(read("prometheus/prometheus.yml"));
    for (const file of files) {
      const mount = compose.services.prometheus.volumes.find((volume: string) => volume.includes(file));
      assert.ok(mount?.startsWith(`./prometheus/${file}:/etc/prometheus/${file}`), file);
    }
  });

  test("every file is there to be found: the documents name each", () => {
    const documents = readFileSync(join(deploy, "../docs/deploy.md"), "utf8");
    for (const file of readdirSync(deploy)) assert.ok(documents.includes(`deploy/${file}`), file);
  });
});
