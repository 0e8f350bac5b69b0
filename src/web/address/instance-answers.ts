/*
 * The app's HTTP requests to its instance, with the visitor's token if there is one. A malformed
 * answer counts as none: the app works without it.
 */

import { readToken } from "./visitor-token.js";

export async function readBoardNames(): Promise<readonly string[]> {
  return listIn(await readJson("boards"), "boards").flatMap((board) => {
    const name: unknown = isObject(board) ? board.name : undefined;
    return typeof name === "string" ? [name] : [];
  });
}

/** The URL of the app, which may have a path below the host. It has no trailing slash. */
export function homeUrl(): string {
  return new URL(".", location.href).href.replace(/\/$/, "");
}

/** How long the server keeps the board's changes; 0 if it keeps none. */
export async function readHistoryMs(board: string): Promise<number> {
  const answer = await readJson(boardPath(board));
  return isObject(answer) && typeof answer.historyMs === "number" ? answer.historyMs : 0;
}

export function boardPath(board: string): string {
  return `boards/${encodeURIComponent(board)}`;
}

/** `path` is relative to where the app is served. */
export async function readJson(path: string): Promise<unknown> {
  const response = await request(path);
  return response.ok ? response.json() : undefined;
}

export async function readBytes(path: string): Promise<Uint8Array | undefined> {
  const response = await request(path);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
}

function request(path: string): Promise<Response> {
  const token = readToken();
  // The browser would use its own copy of an answer for some seconds.
  return fetch(path, { cache: "no-cache", ...(token && { headers: { authorization: `Bearer ${token}` } }) });
}

export function listIn(answer: unknown, name: string): readonly unknown[] {
  const list = isObject(answer) ? answer[name] : undefined;
  return Array.isArray(list) ? list : [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
