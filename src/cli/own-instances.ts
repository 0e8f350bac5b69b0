/*
 * The instances that `socketscaler bench` starts if it is given no URL. One has an empty board in a
 * temporary folder; with `--via relay`, the other is a relay of it. They are processes of their
 * own, so that their CPU is not mixed with that of the clients. They have no limits per address.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DeploymentUnusable } from "../bench/deployment.js";
import type { Scenario } from "../bench/scenario.js";
import { PAGE_CELLS } from "../board/geometry.js";
import { OPTIONS } from "../server/config.js";
import { killed } from "./children.js";
import { WITH_TERMINAL } from "./signals.js";

/** As built, also when the bench is run from sources. */
const MAIN = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../dist/cli/main.js" : "./main.js", import.meta.url),
);
const LIMITS = {
  WRITES_PER_SECOND: "1000000",
  WRITE_BURST: "1000000",
  CONNECTIONS_PER_ADDRESS: "1000000",
  CONNECTS_PER_SECOND: "1000000",
  HTTP_PER_MINUTE: "100000000",
  // An address that is trusted may have all TCP connections.
  TRUSTED_PROXIES: "127.0.0.1",
};

export class OwnInstances {
  readonly #folder = mkdtempSync(join(tmpdir(), "socketscaler-bench-"));
  readonly #children: ChildProcess[] = [];
  readonly #env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = { ...withoutOptions(env), ...LIMITS, HOST: "127.0.0.1", PORT: "0" };
    process.once("exit", () => this.#end());
    for (const signal of WITH_TERMINAL) process.once(signal, () => process.exit(1));
  }

  /** Starts what the scenario needs, and returns it with the URLs. */
  static async start(scenario: Scenario, env: NodeJS.ProcessEnv): Promise<{ own: OwnInstances; scenario: Scenario }> {
    const own = new OwnInstances(env);
    try {
      return { own, scenario: await own.#startFor(scenario) };
    } catch (error) {
      await own.stop();
      throw error;
    }
  }

  async #startFor(scenario: Scenario): Promise<Scenario> {
    const { board, pages, via } = scenario;
    const secret = randomBytes(32).toString("base64url");
    const flags = { BOARDS: `${board}=${pages * PAGE_CELLS}`, DATA_DIR: join(this.#folder, "data") };
    const origin = await this.#serve({ ...flags, RELAY_SECRET: secret });
    const relays = via === "relay" ? [await this.#serve({ UPSTREAM_URL: origin, RELAY_SECRET: secret })] : [];
    const viewerUrls = relays.length > 0 ? relays : [origin];
    return { ...scenario, urls: [origin], viewerUrls, measured: [origin, ...relays] };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(killed));
    this.#end();
  }

  /** Resolves with its URL. */
  #serve(flags: Readonly<Record<string, string>>): Promise<string> {
    const env = { ...this.#env, ...flags };
    const child = spawn(process.execPath, [MAIN, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return new Promise((done, fail) => {
      let last = "";
      const read = (line: string) => {
        last = line;
        const [, port] = /"url":"http:\/\/localhost:(\d+)"/.exec(line) ?? [];
        if (port) done(`http://127.0.0.1:${port}`);
      };
      for (const output of [child.stdout, child.stderr]) createInterface(output).on("line", read);
      child.once("error", fail);
      child.once("exit", () =>
        fail(new DeploymentUnusable(`an instance for the bench ended while it was starting: ${last}`)),
      );
    });
  }

  #end(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The environment may lead to a deployment with real boards. */
function withoutOptions(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set(Object.values(OPTIONS).flatMap(({ env, alsoEnv }) => [env, ...(alsoEnv ? [alsoEnv] : [])]));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}
