/*
 * What the store needs of Valkey, whether it is one server or a cluster of them: single-link.ts and cluster-link.ts.
 * Every method but `close` may reject with StoreAway.
 */

import { DamagedPage } from "../damage.js";
import type { Durability } from "../durability.js";
import { StoreAway } from "../store.js";
import type { ScriptCall } from "./scripts.js";

export interface ValkeyLink {
  /** Whether a server answers; on a cluster, whether any does. */
  readonly available: boolean;
  /** How messages are published so that the link hears them. */
  readonly publish: "PUBLISH" | "SPUBLISH";
  /** Runs a script where its keys live; resolves when what it wrote is as safe as `durability` asks. */
  run<Result>(call: ScriptCall<Result>, durability?: Durability): Promise<Result>;
  /** The same fields of many hashes, in one round trip; undefined for a hash whose server does not answer soon. */
  fieldsOf(keys: readonly string[], fields: readonly string[]): Promise<FieldsAnswer[]>;
  /** Any command, where `key` lives. */
  command(key: string, name: string, ...args: string[]): Promise<unknown>;
  /** As `command`, with strings as Buffers. */
  bytes(key: string, name: string, ...args: string[]): Promise<unknown>;
  /** Any command, on every server that has keys and can be reached; their answers. */
  everywhere(name: string, ...args: string[]): Promise<unknown[]>;
  /** Resolves when the subscription is live. From then on it is kept alive, and each interruption told. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Opens anew the subscriber connections that these channels are on. */
  restartSubscribers(channels: readonly string[]): void;
  /** Leaves subscriber connections unread for so long, or until `wake`. */
  doze(ms: number): void;
  wake(): void;
  close(): Promise<void>;
}

export type FieldsAnswer = (string | null)[] | DamagedPage | undefined;

export interface LinkEvents {
  /** A published message. */
  message(channel: string, message: string): void;
  /** The channel was interrupted and is live again. */
  resumed(channel: string): void;
  available(available: boolean): void;
  /** A command or an attempt to connect failed. Counted, not logged. */
  failure(): void;
  /** One line for the log; at most one for each incident. */
  incident(message: string, cause?: unknown): void;
}

/** How long a position may take to be told before the check goes on without it. */
const FIELDS_MS_MAX = 500;

/** Each answer, or undefined where the world keeps it from coming, or from coming soon; DamagedPage if it is none. */
export async function answersInTime<Answer>(
  asked: readonly Promise<Answer>[],
): Promise<(Answer | DamagedPage | undefined)[]> {
  let cancel: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => {
    cancel = setTimeout(() => done(undefined), FIELDS_MS_MAX);
  });
  try {
    return await Promise.all(asked.map((answer) => Promise.race([answer, late]).catch(damagedOrAway)));
  } finally {
    clearTimeout(cancel);
  }
}

/** The answers of those that can be reached. */
export async function answersOf(asked: readonly Promise<unknown>[]): Promise<unknown[]> {
  const answers = await Promise.all(asked.map((each) => each.then((answer) => [answer]).catch(undefinedIfAway)));
  return answers.flatMap((answer) => answer ?? []);
}

function damagedOrAway(error: unknown): DamagedPage | undefined {
  return error instanceof DamagedPage ? error : undefinedIfAway(error);
}

function undefinedIfAway(error: unknown): undefined {
  if (!(error instanceof StoreAway)) throw error;
}
