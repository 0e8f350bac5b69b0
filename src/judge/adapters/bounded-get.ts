/*
 * Reads JSON from the judged server, which may answer anything or nothing. Time and bytes are
 * bounded, and a redirect is not followed, because it could lead to a server that nobody named.
 */

import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BadAnswer } from "./errors.js";
import { plainText } from "./plain-text.js";

const ANSWER_MS_MAX = 5_000;
/** A board of a million boxes as JSON takes six. */
export const ANSWER_BYTES_MAX = 16_000_000;

const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses connections: check the address, and that the server is running",
  ENOTFOUND: "has an unknown host: check the address",
  EAI_AGAIN: "has a host that cannot be looked up now: check the address and the network",
  ECONNRESET: "ended the connection without an answer",
  EHOSTUNREACH: "cannot be reached: check the address and the network",
  ENETUNREACH: "cannot be reached: check the address and the network",
  ETIMEDOUT: "did not answer in time",
  HPE_HEADER_OVERFLOW: "sent headers that are too large",
};

interface GetOptions {
  readonly signal: AbortSignal;
  /** The address of this machine from which to ask. */
  readonly localAddress?: string | undefined;
}

export async function boundedGet(url: URL, options: GetOptions): Promise<unknown> {
  const { status, text } = await answerOf(url, options);
  if (status >= 300 && status < 400) {
    throw new BadAnswer(`${url} answered with a redirect (${status}): give the URL to which it leads`, status);
  }
  if (status < 200 || status >= 300) throw new BadAnswer(`${url} answered ${status}`, status);
  try {
    return JSON.parse(text);
  } catch {
    throw new BadAnswer(`${url} answered with something other than JSON`, status);
  }
}

function answerOf(url: URL, { signal, localAddress }: GetOptions): Promise<{ status: number; text: string }> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = { accept: "application/json", "accept-encoding": "identity", "cache-control": "no-cache" };
  return new Promise((done, fail) => {
    const asked = request(url, { agent: false, headers, signal, ...(localAddress && { localAddress }) });
    const late = setTimeout(() => {
      asked.destroy(new BadAnswer(`${url} did not answer within ${ANSWER_MS_MAX / 1_000} s`));
    }, ANSWER_MS_MAX);
    asked.on("close", () => clearTimeout(late));
    asked.on("error", (error) => fail(inWords(url, error)));
    asked.on("response", (response) => {
      textOf(response, url).then(
        (text) => done({ status: response.statusCode ?? 0, text }),
        (error) => fail(inWords(url, error)),
      );
    });
    asked.end();
  });
}

async function textOf(response: IncomingMessage, url: URL): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new BadAnswer(`${url} answered with more than ${ANSWER_BYTES_MAX / 1_000_000} MB`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function inWords(url: URL, error: Error): Error {
  if (error instanceof BadAnswer) return error;
  const cause = error instanceof AggregateError ? error.errors[0] : error;
  const code = "code" in cause ? String(cause.code) : "";
  return new BadAnswer(`${url} ${CODES[code] ?? `cannot be read: ${plainText(cause.message || code)}`}`);
}
