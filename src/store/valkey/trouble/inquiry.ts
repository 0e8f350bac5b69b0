/*
 * Finds out why a server cannot be used, step by step on a separate connection. The client only
 * reports that its connection was closed. The first bytes show more: whether the port speaks TLS,
 * and whether the server has too many clients or asks for a certificate.
 */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Endpoint, formatEndpoint, reachable, tlsOptions, type ValkeyAddress } from "../address/url.js";
import { errorCode } from "./replies.js";
import { Explained, explain, Silent } from "./trouble.js";

const STEP_MS_MAX = 2_000;
/**
 * How long to listen before asking. A server with too many clients, or one that rejects our
 * certificate, speaks first.
 */
const UNASKED_MS = 100;
const ANSWER_MAX = 65_536;

/** Resolves with the error that shows what is wrong with the server, or undefined if it works. */
export async function inquire(address: ValkeyAddress, endpoint: Endpoint): Promise<unknown> {
  try {
    const place = address.kind === "sentinel" ? await primaryOf(address) : endpoint;
    await answers(place, address, questions(address, address));
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * The primary, according to the first Sentinel that answers. If none answers, rejects with the
 * first error.
 */
async function primaryOf(address: SentinelAddress): Promise<Endpoint> {
  let failure: unknown;
  for (const sentinel of address.sentinels) {
    try {
      return await primaryBy(sentinel, address);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** The cluster node id of the server at `endpoint`; undefined if it has none. */
export async function nodeIdAt(address: ValkeyAddress, endpoint: Endpoint): Promise<string | undefined> {
  const { text } = await exchange(endpoint, address, questions(address, undefined, ["CLUSTER", "MYID"]));
  return /\$40\r\n([0-9a-f]{40})\r\n/.exec(text)?.[1];
}

type SentinelAddress = Extract<ValkeyAddress, { kind: "sentinel" }>;

async function primaryBy(sentinel: Endpoint, address: SentinelAddress): Promise<Endpoint> {
  const ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.name];
  const at = `Sentinel at ${formatEndpoint(sentinel)}`;
  try {
    const text = await answers(sentinel, address, questions(address.sentinelAccess ?? {}, undefined, ask));
    const [, host, port] = /\*2\r\n\$\d+\r\n(.*)\r\n\$\d+\r\n(\d+)\r\n/.exec(text) ?? [];
    if (host !== undefined) return reachable(address, { host, port: Number(port) });
  } catch (error) {
    if (!["WRONGPASS", "NOAUTH"].includes(errorCode(error) ?? "") || !(error instanceof Error)) throw error;
    const todo = "Set SENTINEL_PASSWORD. Set SENTINEL_USERNAME too, unless the password is the default user's";
    throw new Explained("sentinel", `${at} answers "${error.message}". ${todo}`, true);
  }
  const text = `${at} does not know a primary called ${address.name}. Correct the name in VALKEY_URL`;
  throw new Explained("sentinel", text, true);
}

/** Resolves with the reply to `asked`, or rejects with the error that shows the fault. */
async function answers(endpoint: Endpoint, address: ValkeyAddress, asked: string): Promise<string> {
  const { text, error } = await exchange(endpoint, address, asked);
  const answered = answeredError(text);
  if (answered) throw answered;
  if (text.includes("+PONG")) return text;
  // A TLS server replies immediately to bytes that are not TLS, so a silent server hangs.
  if (/^[+*$]/.test(text) || explain(error, address) || (error instanceof Silent && !address.tls)) throw error;
  // This is not a reply from Valkey, so perhaps only one side speaks TLS.
  const other = await exchange(endpoint, { ...address, tls: !address.tls }, asked, false);
  const at = formatEndpoint(endpoint);
  if (address.tls && /^[+-]/.test(other.text)) {
    throw new Explained("tls", `${at} does not speak TLS. Write valkey:// instead of valkeys://, or name its TLS port`);
  }
  if (!address.tls && other.isSecure) {
    throw new Explained("tls", `${at} speaks TLS. Write valkeys:// instead of valkey:// in VALKEY_URL`);
  }
  if (error !== undefined) throw error;
  throw new Explained("alien", `${at} is not a Valkey server. Correct the host and port in VALKEY_URL`);
}

function questions(
  { username, password }: { readonly username?: string | undefined; readonly password?: string | undefined },
  address: ValkeyAddress | undefined,
  ...others: string[][]
): string {
  const commands = [...others, ["PING"]];
  if (address?.kind === "single" && address.database > 0) commands.unshift(["SELECT", String(address.database)]);
  if (username !== undefined) commands.unshift(["AUTH", username, password ?? ""]);
  else if (password !== undefined) commands.unshift(["AUTH", password]);
  const encode = (part: string) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
  return commands.map((parts) => `*${parts.length}\r\n${parts.map(encode).join("")}`).join("");
}

/** The first error among the replies. */
function answeredError(text: string): Error | undefined {
  const lines = text.split("\r\n").filter((line) => line.startsWith("-"));
  // A server without a password rejects AUTH but works, so that error is ignored.
  const [first] = lines.filter((line) => !/without any password configured|no password is set/.test(line));
  if (first === undefined) return undefined;
  const error = new Error(first.slice(1));
  error.name = "ReplyError";
  return error;
}

interface Exchange {
  readonly text: string;
  readonly error: unknown;
  /** The server speaks TLS, even if it refused our handshake. */
  readonly isSecure: boolean;
}

/**
 * Connects, listens for a moment, sends `asked`, and reads until the last reply or the first error.
 */
function exchange(endpoint: Endpoint, address: ValkeyAddress, asked: string, isVerifying = true): Promise<Exchange> {
  return new Promise((done) => {
    const secure = { ...endpoint, ...tlsOptions(address), rejectUnauthorized: isVerifying };
    const socket: Socket = address.tls ? connectTls(secure) : connect(endpoint);
    let text = "";
    let isSecure = false;
    let asking: NodeJS.Timeout | undefined;
    const end = (error?: unknown) => {
      clearTimeout(asking);
      clearTimeout(late);
      socket.destroy();
      done({ text, error, isSecure });
    };
    const late = setTimeout(() => end(new Silent(STEP_MS_MAX)), STEP_MS_MAX);
    socket.on("error", (error) => {
      if ("code" in error && /^ERR_SSL_.*ALERT/.test(String(error.code))) isSecure = true;
      end(error);
    });
    socket.on("close", () => end(new Error("closed before the server answered")));
    socket.on(address.tls ? "secureConnect" : "connect", () => {
      isSecure = address.tls;
      asking = setTimeout(() => socket.write(asked), UNASKED_MS);
    });
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      text += String(data);
      const isOver = answeredError(text) !== undefined || text.includes("+PONG") || !/^[+*$:-]/.test(text);
      if (isOver || text.length > ANSWER_MAX) end();
    });
  });
}
