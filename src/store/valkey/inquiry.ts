/*
 * Finds out why a server cannot be used, on a connection of its own that goes step by step. The
 * client says no more than that a connection was closed: whether a port speaks TLS, a server is
 * full or wants a certificate, the first bytes tell.
 */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorCode } from "./replies.js";
import { Explained, explain, Silent } from "./trouble.js";
import { type Endpoint, formatEndpoint, reachable, tlsOptions, type ValkeyAddress } from "./url.js";

const STEP_MS_MAX = 2_000;
/** A server that is full, or does not like our certificate, says so without being asked. */
const UNASKED_MS = 100;
const ANSWER_MAX = 65_536;

interface Login {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** What is wrong with the server at `endpoint`, or with the way to it; undefined if all is well. */
export async function inquire(address: ValkeyAddress, endpoint: Endpoint): Promise<unknown> {
  try {
    const place = address.kind === "sentinel" ? await primaryOf(address) : endpoint;
    await answers(place, address, questions(address, address));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** As the first Sentinel says that answers; rejects with what is wrong with the first. */
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

/**
 * What the server of a cluster at `endpoint` calls itself; undefined if there is none, or it does
 * not say.
 */
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
    const todo = "Set SENTINEL_PASSWORD, and SENTINEL_USERNAME if it is not Sentinel's default user";
    throw new Explained("sentinel", `${at} answers "${error.message}". ${todo}`, true);
  }
  throw new Explained(
    "sentinel",
    `${at} knows no primary called ${address.name}. Correct the name in VALKEY_URL`,
    true,
  );
}

/** What is answered; rejects with what is wrong. */
async function answers(endpoint: Endpoint, address: ValkeyAddress, asked: string): Promise<string> {
  const { text, error } = await exchange(endpoint, address, asked);
  const answered = answeredError(text);
  if (answered) throw answered;
  if (text.includes("+PONG")) return text;
  // Who speaks TLS does not wait for more of what is not.
  if (/^[+*$]/.test(text) || explain(error, address) || (error instanceof Silent && !address.tls)) throw error;
  // Nothing that a Valkey says: perhaps one of the two does not speak TLS.
  const other = await exchange(endpoint, { ...address, tls: !address.tls }, asked, false);
  const at = formatEndpoint(endpoint);
  if (address.tls && /^[+-]/.test(other.text)) {
    throw new Explained("tls", `${at} does not speak TLS. Write valkey:// instead of valkeys://, or name its TLS port`);
  }
  if (!address.tls && other.isSecure) {
    throw new Explained("tls", `${at} speaks TLS. Write valkeys:// instead of valkey:// in VALKEY_URL`);
  }
  if (error !== undefined) throw error;
  throw new Explained("alien", `${at} answers as no Valkey does. Correct host and port in VALKEY_URL`);
}

function questions({ username, password }: Login, address: ValkeyAddress | undefined, ...others: string[][]): string {
  const commands = [...others, ["PING"]];
  if (address?.kind === "single" && address.database > 0) commands.unshift(["SELECT", String(address.database)]);
  if (username !== undefined) commands.unshift(["AUTH", username, password ?? ""]);
  else if (password !== undefined) commands.unshift(["AUTH", password]);
  const encode = (part: string) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
  return commands.map((parts) => `*${parts.length}\r\n${parts.map(encode).join("")}`).join("");
}

/** The first error among the answers. */
function answeredError(text: string): Error | undefined {
  const lines = text.split("\r\n").filter((line) => line.startsWith("-"));
  // A user without a password on the server is let in all the same, as it always was.
  const [first] = lines.filter((line) => !/without any password configured|no password is set/.test(line));
  if (first === undefined) return undefined;
  const error = new Error(first.slice(1));
  error.name = "ReplyError";
  return error;
}

interface Exchange {
  /** What was answered. */
  readonly text: string;
  readonly error: unknown;
  /** TLS was agreed on, or refused by one who speaks it. */
  readonly isSecure: boolean;
}

/**
 * Connects, listens for a moment, asks, and hears the answers until the last or the first error.
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
    socket.on("close", () => end(new Error("it was closed before the server answered")));
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
