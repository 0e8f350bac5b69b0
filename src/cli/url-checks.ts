/*
 * Looks at running instances from outside, at the URLs that users use: through the balancer, if there is one. Every
 * request opens a connection of its own, so that a balancer sends it wherever it would send a new user.
 */

import { randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Finding } from "../store/finding.js";

const ANSWER_MS_MAX = 5_000;
/** Enough for several instances behind a balancer to be met. */
const TRIES = 8;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cookies: readonly string[];
}

interface SeenBoards {
  readonly instances: ReadonlySet<string>;
  readonly engines: ReadonlySet<string>;
  /** Board -> the sizes told. */
  readonly sizes: ReadonlyMap<string, ReadonlySet<number>>;
}

export async function checkUrls(urls: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const all = { instances: new Set<string>(), engines: new Set<string>(), sizes: new Map<string, Set<number>>() };
  for (const url of urls) {
    const health = await statusOf(url, "/health");
    if (health !== "200") {
      const fix = "is the address right, does an instance listen there, and does the balancer know it?";
      findings.push({ is: "bad", what: `${url}: /health is answered with ${health}`, fix });
      continue;
    }
    findings.push({ is: "good", what: `${url}: an instance answers` });
    findings.push(await checkReady(url), await checkUpgrade(url), await checkPolling(url));
    await collectBoards(url, all);
  }
  if (all.instances.size > 0) findings.push(...judgeBoards(all));
  else if (findings.some(({ is }) => is === "good")) {
    const what = "no board is shown without a token, so whether instances agree on boards and store was not checked";
    findings.push({ is: "warning", what, fix: "compare BOARDS and VALKEY_URL of the instances yourself" });
  }
  return findings;
}

async function checkReady(url: string): Promise<Finding> {
  const ready = await statusOf(url, "/ready");
  if (ready === "200") return { is: "good", what: `${url}: it is ready` };
  return {
    is: "bad",
    what: `${url}: /ready is answered with ${ready}`,
    fix: "the instance does not reach Valkey: look there, and at its log",
  };
}

async function checkUpgrade(url: string): Promise<Finding> {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  const status = await statusOf(url, "/socket.io/?EIO=4&transport=websocket", { headers });
  if (status === "101") return { is: "good", what: `${url}: a WebSocket gets through` };
  const fix = "let the balancer pass Upgrade and Connection on (nginx: proxy_http_version 1.1 and both headers)";
  return { is: "bad", what: `${url}: a WebSocket does not get through (${status})`, fix };
}

/** One session of long-polling over several connections: all must reach the instance that has it. */
async function checkPolling(url: string): Promise<Finding> {
  const polling = "/socket.io/?EIO=4&transport=polling";
  try {
    const opened = await ask(url, polling);
    const sid = /"sid":"([\w-]+)"/.exec(opened.body)?.[1];
    if (sid === undefined) throw new Error(`status ${opened.status}`);
    const headers = {
      "content-type": "text/plain",
      ...(opened.cookies.length > 0 ? { cookie: opened.cookies.join("; ") } : {}),
    };
    const tell = (packet: string) => ask(url, `${polling}&sid=${sid}`, { method: "POST", headers, body: packet });
    // A pong, which nobody minds; the last one is the goodbye.
    for (let count = 0; count < TRIES; count++) {
      const { status } = await tell("3");
      if (status === 200) continue;
      const fix = "make sessions sticky (by address or cookie), or tell clients to use WebSocket alone";
      return {
        is: "bad",
        what: `${url}: a long-polling session met an instance that does not know it (${status})`,
        fix,
      };
    }
    await tell("1");
    return { is: "good", what: `${url}: long-polling stays with its instance` };
  } catch (error) {
    return {
      is: "bad",
      what: `${url}: long-polling does not get through (${words(error)})`,
      fix: "let the balancer pass /socket.io/ on",
    };
  }
}

async function collectBoards(
  url: string,
  all: { instances: Set<string>; engines: Set<string>; sizes: Map<string, Set<number>> },
) {
  for (let count = 0; count < TRIES; count++) {
    const answer = await ask(url, "/boards").catch(() => undefined);
    for (const board of answer?.status === 200 ? boardsIn(answer.body) : []) {
      all.instances.add(board.instance);
      all.engines.add(board.engine);
      all.sizes.set(board.name, (all.sizes.get(board.name) ?? new Set()).add(board.size));
    }
  }
}

function judgeBoards({ instances, engines, sizes }: SeenBoards): Finding[] {
  const findings: Finding[] = [];
  for (const [board, told] of sizes) {
    if (told.size === 1) continue;
    const what = `board ${board} has ${[...told].join(" and ")} checkboxes, depending on the instance`;
    findings.push({ is: "bad", what, fix: "give all instances the same BOARDS" });
  }
  if (findings.length === 0)
    findings.push({ is: "good", what: `${instances.size} instances met, all with the same boards` });
  if (engines.has("embedded") && instances.size > 1) {
    const what =
      "several instances, and not all keep their boards in Valkey: users of different instances see different boards";
    findings.push({ is: "bad", what, fix: "set VALKEY_URL for all of them" });
  }
  return findings;
}

interface ToldBoard {
  readonly name: string;
  readonly size: number;
  readonly instance: string;
  readonly engine: string;
}

function boardsIn(body: string): ToldBoard[] {
  try {
    const { boards }: { boards?: unknown } = JSON.parse(body);
    return Array.isArray(boards) ? boards.filter(isBoard) : [];
  } catch {
    return [];
  }
}

function isBoard(board: unknown): board is ToldBoard {
  if (typeof board !== "object" || board === null) return false;
  const { name, size, instance, engine } = { name: 0, size: 0, instance: 0, engine: 0, ...board };
  return (
    typeof name === "string" && typeof size === "number" && typeof instance === "string" && typeof engine === "string"
  );
}

interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The status, or why there is none. */
async function statusOf(url: string, path: string, question: Question = {}): Promise<string> {
  return ask(url, path, question).then(
    ({ status }) => String(status),
    (error: unknown) => words(error),
  );
}

function ask(base: string, path: string, { method = "GET", headers = {}, body }: Question = {}): Promise<Answer> {
  // Beside the base, which may have a path of its own.
  const url = new URL(`.${path}`, base.endsWith("/") ? base : `${base}/`);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((done, fail) => {
    const asked = request(url, { method, headers, agent: false, timeout: ANSWER_MS_MAX });
    asked.on("response", (response) => void read(response).then(done, fail));
    asked.on("upgrade", (_, socket) => {
      socket.destroy();
      done({ status: 101, body: "", cookies: [] });
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    asked.on("error", fail);
    asked.end(body);
  });
}

async function read(response: IncomingMessage): Promise<Answer> {
  let body = "";
  response.setEncoding("utf8");
  for await (const chunk of response) body += String(chunk);
  const cookies = (response.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0] ?? "");
  return { status: response.statusCode ?? 0, body, cookies };
}

function words(error: unknown): string {
  if (error instanceof AggregateError) return words(error.errors[0]);
  return error instanceof Error ? error.message || ("code" in error ? String(error.code) : error.name) : String(error);
}
