/* The HTTP requests of the bench: the description of a board, and the bits of a page. */

import { randomUUID } from "node:crypto";
import type { ReferencePage } from "./messages.js";

/** The deployment cannot be reached, or does not fit the scenario. The message says what to do. */
export class DeploymentUnusable extends Error {}

export type InstanceInfo = Awaited<ReturnType<typeof readInstance>>;

const ANSWER_MS_MAX = 10_000;

export async function readInstance(url: string, board: string) {
  const response = await get(`${url}/boards/${board}`);
  if (response.status === 404) throw new DeploymentUnusable(`${url} has no board "${board}": choose one with --board`);
  const body: unknown = response.ok ? await response.json() : undefined;
  if (typeof body !== "object" || body === null || !("size" in body) || typeof body.size !== "number") {
    throw new DeploymentUnusable(
      `${url} did not describe board "${board}" (status ${response.status}): check the URL, and that anyone may view the board`,
    );
  }
  const textOf = (name: string): string => String(Object.entries(body).find(([key]) => key === name)?.[1] ?? "");
  return { url, name: textOf("instance"), engine: textOf("engine"), size: body.size };
}

/** Reads the page from the store, past the instance's copy and those of caches. */
export async function readPage(url: string, board: string, page: number): Promise<ReferencePage> {
  // A shared cache may ignore what a request says, but has no answer for an address that is new.
  const address = `${url}/boards/${board}/pages/${page}?${randomUUID()}`;
  const response = await get(address, { "cache-control": "no-cache" });
  if (response.status === 429) {
    throw new DeploymentUnusable(
      `${url} limits HTTP requests: raise HTTP_PER_MINUTE on the instances, or use fewer --pages`,
    );
  }
  if (!response.ok)
    throw new DeploymentUnusable(`${url} answered ${response.status} for page ${page}: check the instance's log`);
  // Weak if the body was compressed on the way; the number of cells follows the position.
  const [, position = ""] = /^(?:W\/)?"(\d+\.[\w-]{8})/.exec(response.headers.get("etag") ?? "") ?? [];
  return { page, position, bits: new Uint8Array(await response.arrayBuffer()) };
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  } catch (error) {
    throw new DeploymentUnusable(`${url} cannot be reached: check the URL, and that an instance listens there`, {
      cause: error,
    });
  }
}
