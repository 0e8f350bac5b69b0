/*
 * The balancers of deploy/, as an operator would run them: the real programs with the real files, in which only what
 * belongs to the machine is put in place: the instances, the port, and where temporary files go.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.js";
import { until } from "./until.js";
import { freePort } from "./valkey-server.js";

export const BALANCERS = ["nginx", "haproxy", "caddy"] as const;
export type BalancerName = (typeof BALANCERS)[number];

const FILES: Readonly<Record<BalancerName, string>> = {
  nginx: "nginx.conf",
  haproxy: "haproxy.cfg",
  caddy: "Caddyfile",
};

const deploy = fileURLToPath(new URL("../../deploy/", import.meta.url));

export function balancerFile(name: BalancerName): string {
  return readFileSync(join(deploy, FILES[name]), "utf8");
}

/** Starts one in front of `ports` on this machine; resolves with its URL when it serves, and ends it with the test. */
export async function startBalancer(
  t: { after(end: () => unknown): unknown },
  name: BalancerName,
  ports: readonly number[],
): Promise<string> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const file = join(folder, FILES[name]);
  writeFileSync(file, adapt(name, withInstances(balancerFile(name), ports), port, folder));
  const child = run(name, file, folder);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  await until(`${name} serves`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended at start:\n${output}`);
    return fetch(`${url}/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  });
  return url;
}

/** Lines that name one instance are made for each given; lines that name all of them name those given. */
function withInstances(text: string, ports: readonly number[]): string {
  const ours = (index: number) => `127.0.0.1:${ports[index]}`;
  return text
    .split("\n")
    .map((line) => line.replace(/instance-1:8000( instance-\d:8000)+/, ports.map((_, index) => ours(index)).join(" ")))
    .flatMap((line) => {
      const [, number] = /instance-(\d):8000/.exec(line) ?? [];
      if (number === undefined) return [line];
      const index = Number(number) - 1;
      return index < ports.length ? [line.replace(/instance-\d:8000/, ours(index))] : [];
    })
    .join("\n");
}

function adapt(name: BalancerName, text: string, port: number, folder: string): string {
  if (name === "haproxy") return replaced(text, "bind :80", `bind 127.0.0.1:${port}`);
  if (name === "caddy") return replaced(text, "\n:80 {", `\nhttp://127.0.0.1:${port} {`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const paths = temporary.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join("\n");
  const cached = replaced(text, "/var/cache/nginx/socketscaler", join(folder, "cache"));
  return replaced(
    replaced(replaced(cached, "listen 80;", `listen 127.0.0.1:${port};`), "/run/nginx.pid", join(folder, "nginx.pid")),
    "\nhttp {",
    `\nerror_log stderr;\nhttp {\n${paths}\n`,
  );
}

function replaced(text: string, old: string, by: string): string {
  if (!text.includes(old)) throw new Error(`the file has no ${old}`);
  return text.replace(old, by);
}

function run(name: BalancerName, file: string, folder: string): ChildProcess {
  const commands: Readonly<Record<BalancerName, readonly string[]>> = {
    // One process, so that killing it leaves none behind.
    nginx: ["nginx", "-p", folder, "-c", file, "-e", "stderr", "-g", "daemon off; master_process off;"],
    haproxy: ["haproxy", "-db", "-f", file],
    caddy: ["caddy", "run", "--config", file, "--adapter", "caddyfile"],
  };
  const [command = name, ...args] = commands[name];
  const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, PATH: `${process.env.PATH}:/usr/sbin` };
  return spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
}
