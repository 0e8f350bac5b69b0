/*
 * Why TLS cannot be spoken with any of some servers, found by trying: the client that asks Sentinels says no more of it than
 * that a connection was closed.
 */

import { once } from "node:events";
import { connect } from "node:tls";
import type { Endpoint } from "./valkey-url.js";

const TRIAL_MS_MAX = 3_000;

/** The error of the first; undefined where TLS can be spoken with any of them. */
export async function tlsFailure(endpoints: readonly Endpoint[], ca: string | undefined): Promise<unknown> {
  const failures = await Promise.all(endpoints.map((endpoint) => trial(endpoint, ca)));
  return failures.includes(undefined) ? undefined : failures[0];
}

async function trial({ host, port }: Endpoint, ca: string | undefined): Promise<unknown> {
  const socket = connect({ host, port, timeout: TRIAL_MS_MAX, ...(ca === undefined ? {} : { ca }) });
  // TLS may tell of more than one error.
  socket.on("error", () => undefined);
  socket.once("timeout", () => socket.destroy(new Error(`no answer within ${TRIAL_MS_MAX} ms`)));
  try {
    await once(socket, "secureConnect");
    return undefined;
  } catch (error) {
    return error;
  } finally {
    socket.destroy();
  }
}
