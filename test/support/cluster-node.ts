/* One node of a cluster on this machine: its process, and what it says of itself. */

import { ask, type Reply } from "./resp.js";
import type { ServerProcess } from "./valkey-server.js";

/** What a node says of itself in CLUSTER NODES. */
export interface Claim {
  readonly isPrimary: boolean;
  readonly epoch: number;
  readonly slots: readonly (readonly [first: number, last: number])[];
  /** The id of the node it follows. */
  readonly primary: string;
}

export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  readonly pid: number;
  readonly isRunning: boolean;
  command(...args: readonly (string | number)[]): Promise<Reply>;
  role(): Promise<"primary" | "replica">;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; its folder stays for `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export class Node implements ClusterNode {
  readonly server: ServerProcess;
  readonly id: string;
  isRunning = true;

  constructor(server: ServerProcess, id: string) {
    this.server = server;
    this.id = id;
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number {
    return this.server.pid;
  }

  command(...args: readonly (string | number)[]): Promise<Reply> {
    return ask(this.port, ...args);
  }

  async role(): Promise<"primary" | "replica"> {
    return (await this.claim()).isPrimary ? "primary" : "replica";
  }

  signal(name: NodeJS.Signals): void {
    this.server.signal(name);
  }

  async kill(): Promise<void> {
    this.isRunning = false;
    await this.server.kill();
  }

  async restart(): Promise<void> {
    await this.server.restart();
    this.isRunning = true;
  }

  /** The lines of CLUSTER NODES. */
  async known(): Promise<string[]> {
    return String(await this.command("CLUSTER", "NODES"))
      .trim()
      .split("\n");
  }

  async claim(): Promise<Claim> {
    const mine = (await this.known()).find((line) => line.includes("myself")) ?? "";
    const [, , flags = "", primary = "", , , epoch, , ...ranges] = mine.split(" ");
    return {
      isPrimary: flags.includes("master"),
      primary,
      epoch: Number(epoch),
      // A slot on its way to another node stands in brackets, after the ranges.
      slots: ranges
        .filter((range) => !range.startsWith("["))
        .map((range) => {
          const [first, last = first] = range.split("-").map(Number);
          return [first ?? -1, last ?? -1];
        }),
    };
  }

  async info(section: string, field: string): Promise<string | undefined> {
    const text = section === "cluster" ? await this.command("CLUSTER", "INFO") : await this.command("INFO", section);
    return new RegExp(`^${field}:(.*?)\r?$`, "m").exec(String(text))?.[1];
  }
}

/** Whether a node that claims this has the slot. */
export function owns(claim: Claim, slot: number): boolean {
  return claim.isPrimary && claim.slots.some(([first, last]) => first <= slot && slot <= last);
}
