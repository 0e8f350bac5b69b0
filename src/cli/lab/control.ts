/*
 * The web server of the lab: the page /demo, its stream of reports, and its buttons. It can kill
 * processes, so it listens on this machine only and takes orders from its own page only:
 *
 *     another machine             cannot connect, because it listens on 127.0.0.1
 *     another website             cannot read the secret, which every order must contain
 *     a name that leads here      is refused by the Host header (DNS rebinding)
 *
 * Other users of this machine can load the page and press its buttons, so the lab is not for a
 * machine that is shared.
 */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join, relative } from "node:path";
import { ACTIONS, type LabOrder, type LabReport, type NaiveKind } from "../../protocol/lab.js";
import { isExercise, readSource, runExercise } from "./exercise.js";
import { carryOut } from "./faults.js";
import type { Lab } from "./lab.js";
import { COUNT } from "./side.js";

const BODY_BYTES_MAX = 4_096;
const STREAMS_MAX = 16;
/** A page that does not read its reports is disconnected, and gets the present state later. */
const STREAM_BYTES_MAX = 1_048_576;
const SECRET_HEADER = "x-lab-secret";
const HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);
const KINDS: readonly (NaiveKind | "none")[] = ["none", "island", "json-array", "bitmap", "version-number"];
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
};
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    ...["default-src", "base-uri", "form-action", "frame-ancestors"].map((name) => `${name} 'none'`),
    ...["script-src", "style-src", "connect-src", "img-src"].map((name) => `${name} 'self'`),
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly location?: string;
}

export class Control {
  readonly port: number;
  readonly #server: Server;
  readonly #lab: Lab;
  readonly #secret = randomBytes(24).toString("base64url");
  readonly #files: ReadonlyMap<string, Buffer>;
  readonly #streams = new Set<ServerResponse>();

  private constructor(server: Server, port: number, lab: Lab, pageFolder: string) {
    this.#server = server;
    this.port = port;
    this.#lab = lab;
    this.#files = readFiles(pageFolder);
    server.on("request", (request, response) => void this.#answer(request, response));
    lab.on((report) => this.#publish(report));
  }

  /** Rejects with the system's error if the port is in use. */
  static async open(lab: Lab, port: number, pageFolder: string): Promise<Control> {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the lab got no port");
    return new Control(server, address.port, lab, pageFolder);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    try {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const refusal = refusalOf(request);
      if (refusal !== undefined) return send(response, { status: 403, body: refusal });
      if (request.method === "POST") return send(response, await this.#post(pathname, request));
      if (request.method !== "GET") return send(response, { status: 405 });
      if (pathname === "/demo/events") return this.#stream(response);
      if (pathname === "/demo/source") return send(response, sourceAt(searchParams.get("path") ?? ""));
      send(response, this.#file(pathname));
    } catch (error) {
      send(response, { status: 400, body: error instanceof Error ? error.message : "The request is malformed." });
    }
  }

  #file(path: string): Answer {
    if (path === "/") return { status: 302, location: "/demo" };
    const name = path === "/demo" ? "/lab.html" : path;
    const body = this.#files.get(name);
    if (!body || (name === "/lab.html" && path !== "/demo")) return { status: 404, body: "There is nothing here." };
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    if (path !== "/demo") return { status: 200, type, body };
    return { status: 200, type, body: body.toString().replace("LAB_SECRET", this.#secret) };
  }

  async #post(path: string, request: IncomingMessage): Promise<Answer> {
    if (!this.#isOurs(request.headers[SECRET_HEADER])) {
      return { status: 403, body: "This web page is from an earlier run of the demo. Reload it." };
    }
    const body: unknown = JSON.parse(await readBody(request));
    if (path === "/demo/exercise") {
      if (!isExercise(body)) return { status: 400, body: "There is no such exercise." };
      return { status: 200, type: "application/json", body: JSON.stringify(await runExercise(body)) };
    }
    if (path !== "/demo/orders") return { status: 404 };
    const order = readOrder(body);
    if (!order) return { status: 400, body: "The lab does not know this command. Reload the web page." };
    const isTaken = this.#lab.enqueue(() => carryOut(this.#lab, order));
    return isTaken ? { status: 202 } : { status: 429, body: "The lab is still busy. Wait a moment, then try again." };
  }

  #isOurs(secret: string | string[] | undefined): boolean {
    const [given, right] = [Buffer.from(String(secret)), Buffer.from(this.#secret)];
    return given.length === right.length && timingSafeEqual(given, right);
  }

  #stream(response: ServerResponse): void {
    if (this.#streams.size >= STREAMS_MAX) {
      send(response, { status: 503, body: "The lab is open in too many tabs. Close some of them." });
      return;
    }
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    response.write(`data: ${JSON.stringify({ view: this.#lab.view() } satisfies LabReport)}\n\n`);
  }

  #publish(report: LabReport): void {
    const text = `data: ${JSON.stringify(report)}\n\n`;
    for (const stream of this.#streams) {
      if (stream.writableLength > STREAM_BYTES_MAX) stream.destroy();
      else stream.write(text);
    }
  }
}

/** Why a request cannot come from the lab's own page. */
function refusalOf({ headers }: IncomingMessage): string | undefined {
  const { host = "", origin } = headers;
  if (!HOSTS.has(host.replace(/:\d+$/, ""))) return "The lab can be reached only at localhost.";
  if (origin !== undefined && origin !== `http://${host}`) return "The lab answers only its own web page.";
  const site = headers["sec-fetch-site"];
  // A link from another site may open the page, but nothing else.
  const isVisit = headers["sec-fetch-mode"] === "navigate";
  return site === undefined || site === "same-origin" || site === "none" || isVisit
    ? undefined
    : "The lab answers only its own web page.";
}

function sourceAt(path: string): Answer {
  const text = readSource(path);
  if (text === undefined) return { status: 404, body: `${path} is in the repository of SocketScaler, not here.` };
  return { status: 200, type: "text/plain; charset=utf-8", body: text };
}

function readOrder(body: unknown): LabOrder | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { action, target, cell, side, kind } = body as Readonly<Record<string, unknown>>;
  const isWithin = (value: unknown, first: number, last: number) =>
    value === undefined || (Number.isInteger(value) && Number(value) >= first && Number(value) <= last);
  const isOrder =
    ACTIONS.some((name) => name === action) &&
    isWithin(target, 1, COUNT) &&
    isWithin(cell, 0, 63) &&
    [undefined, "ours", "naive"].some((name) => name === side) &&
    [undefined, ...KINDS].some((name) => name === kind);
  return isOrder ? (body as LabOrder) : undefined;
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new RangeError("The request is too long.");
  }
  return text;
}

function send(response: ServerResponse, { status, type = "text/plain; charset=utf-8", body = "", location }: Answer) {
  if (response.headersSent) return;
  response.writeHead(status, { ...HEADERS, "content-type": type, ...(location === undefined ? {} : { location }) });
  response.end(body);
}

/** The files of the built app, without their compressed copies. */
function readFiles(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && TYPES[extname(entry.name)]) {
      files.set(`/${relative(folder, path).replaceAll("\\", "/")}`, readFileSync(path));
    }
  }
  return files;
}
