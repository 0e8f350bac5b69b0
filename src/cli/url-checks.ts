/*
 * Checks running instances from outside, at the URLs that users use: through the balancer, if there
 * is one. Every request opens its own connection, so a balancer routes it like that of a new user.
 */

import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { countOf } from "../protocol/count.js";
import { bad, type Finding, good, warning } from "../store/finding.js";

const ANSWER_MS_MAX = 5_000;
/** Enough to reach several instances behind a balancer. */
const TRIES = 8;

interface Board {
  readonly name: string;
  readonly size: number;
  readonly instance: string;
  readonly engine: string;
}

export async function checkUrls(urls: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const boards: Board[] = [];
  for (const url of urls) {
    const health = await statusOf(url, "/health");
    if (health !== "200") {
      const fix = "check the address, that an instance listens there, and that the balancer knows it";
      findings.push(bad(`${url}: /health failed (${health})`, fix));
      continue;
    }
    findings.push(good(`${url}: an instance answers`));
    findings.push(await checkReady(url), await checkUpgrade(url), await checkPolling(url));
    boards.push(...(await boardsAt(url)));
  }
  if (boards.length > 0) findings.push(...judgeBoards(boards));
  else if (findings.some(({ is }) => is === "good")) {
    const what =
      "no boards are listed without a token, so doctor could not check that all instances share the same boards and store";
    findings.push(warning(what, "compare BOARDS and VALKEY_URL of all instances"));
  }
  return findings;
}

async function checkReady(url: string): Promise<Finding> {
  const ready = await statusOf(url, "/ready");
  if (ready === "200") return good(`${url}: the instance is ready`);
  return bad(
    `${url}: /ready failed (${ready})`,
    "the instance is draining or cannot reach its store: check its log and Valkey",
  );
}

async function checkUpgrade(url: string): Promise<Finding> {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  const status = await statusOf(url, "/socket.io/?EIO=4&transport=websocket", { headers });
  if (status === "101") return good(`${url}: WebSocket works`);
  const fix =
    "make the balancer pass on the headers Upgrade and Connection (nginx: set both, and proxy_http_version 1.1)";
  return bad(`${url}: WebSocket does not work (${status})`, fix);
}

/** Checks that a long-polling session over several connections stays with one instance. */
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
    const send = (packet: string) => ask(url, `${polling}&sid=${sid}`, { method: "POST", headers, body: packet });
    for (let count = 0; count < TRIES; count++) {
      // A pong, which has no effect.
      const { status } = await send("3");
      if (status === 200) continue;
      const fix = "make sessions sticky (by address or cookie), or have clients use only WebSocket";
      return bad(`${url}: a long-polling session reached an instance that does not know it (${status})`, fix);
    }
    // Closes the session.
    await send("1");
    return good(`${url}: long-polling stays with its instance`);
  } catch (error) {
    return bad(`${url}: long-polling does not work (${words(error)})`, "make the balancer pass on /socket.io/");
  }
}

async function boardsAt(url: string): Promise<Board[]> {
  const boards: Board[] = [];
  for (let count = 0; count < TRIES; count++) {
    const answer = await ask(url, "/boards").catch(() => undefined);
    if (answer?.status === 200) boards.push(...boardsIn(answer.body));
  }
  return boards;
}

function judgeBoards(boards: readonly Board[]): Finding[] {
  const findings: Finding[] = [];
  const instances = new Set(boards.map(({ instance }) => instance));
  for (const board of new Set(boards.map(({ name }) => name))) {
    const sizes = new Set(boards.filter(({ name }) => name === board).map(({ size }) => size));
    if (sizes.size === 1) continue;
    const what = `board ${board} has ${[...sizes].join(" or ")} checkboxes, depending on the instance`;
    findings.push(bad(what, "give all instances the same VALKEY_URL; the store knows the size of each board"));
  }
  if (findings.length === 0) findings.push(good(foundText(instances.size)));
  // A relay has the boards of its upstream, whatever that keeps them in.
  const keepers = boards.filter(({ engine }) => engine !== "upstream");
  const isShared = new Set(keepers.map(({ instance }) => instance)).size > 1;
  if (isShared && keepers.some(({ engine }) => engine === "embedded")) {
    const what =
      "not all instances keep their boards in Valkey, so users of different instances may see different boards";
    findings.push(bad(what, "set VALKEY_URL for all instances"));
  }
  return findings;
}

function foundText(instances: number): string {
  const found = `${countOf(instances, "instance")} found`;
  return instances > 1 ? `${found}; no board differs in size between them` : found;
}

function boardsIn(body: string): Board[] {
  try {
    const { boards }: { boards?: unknown } = JSON.parse(body);
    return Array.isArray(boards) ? boards.filter(isBoard) : [];
  } catch {
    return [];
  }
}

function isBoard(board: unknown): board is Board {
  if (typeof board !== "object" || board === null) return false;
  const { name, size, instance, engine } = { name: 0, size: "", instance: 0, engine: 0, ...board };
  return typeof size === "number" && [name, instance, engine].every((each) => typeof each === "string");
}

interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function statusOf(url: string, path: string, request: Request = {}): Promise<string> {
  return ask(url, path, request).then(({ status }) => String(status), words);
}

function ask(base: string, path: string, { method = "GET", headers = {}, body }: Request = {}) {
  // Relative to the base, which may have a path of its own.
  const url = new URL(`.${path}`, base.endsWith("/") ? base : `${base}/`);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise<{ status: number; body: string; cookies: readonly string[] }>((done, fail) => {
    const asked = request(url, { method, headers, agent: false, timeout: ANSWER_MS_MAX });
    asked.on("response", (response) => {
      const cookies = (response.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0] ?? "");
      text(response).then((body) => done({ status: response.statusCode ?? 0, body, cookies }), fail);
    });
    asked.on("upgrade", (_, socket) => {
      socket.destroy();
      done({ status: 101, body: "", cookies: [] });
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    asked.on("error", fail);
    asked.end(body);
  });
}

function words(error: unknown): string {
  if (error instanceof AggregateError) return words(error.errors[0]);
  return error instanceof Error ? error.message || ("code" in error ? String(error.code) : error.name) : String(error);
}
