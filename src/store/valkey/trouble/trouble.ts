/*
 * Describes faults between an instance and Valkey to the operator: what happened, then what to do.
 * If the server replied, its own words are quoted. Pure; inquiry.ts finds out what an error does
 * not show.
 */

import { StoreAway } from "../../store.js";
import { formatEndpoint, type ValkeyAddress } from "../address/url.js";
import { DENIED_INSIDE, strayReply } from "./replies.js";

export interface Trouble {
  /** Troubles of one kind are reported once per incident. */
  readonly kind: string;
  readonly text: string;
  /** Whether the server replied, and so can be reached. */
  readonly isAnswer: boolean;
}

/** An error whose message is already a Trouble's text. */
export class Explained extends Error {
  readonly trouble: Trouble;

  constructor(kind: string, text: string, isAnswer = false) {
    super(text);
    this.name = "Explained";
    this.trouble = { kind, text, isAnswer };
  }
}

/** The server sent no reply, and no error occurred. */
export class Silent extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
    this.name = "Silent";
  }
}

/** Code of an error reply -> remedy. */
const REMEDIES: Readonly<Record<string, string>> = {
  WRONGPASS: "Set the server's user and password in VALKEY_URL, and restart the instance if they have changed",
  NOAUTH: "Write the user and password into VALKEY_URL, as in valkey://user:password@host",
  NOPERM: "Give the user of VALKEY_URL the rights that docs/configure.md lists",
  LOADING: "Wait until the server has loaded its data",
  MASTERDOWN: "It is a replica without its primary. Bring the primary back, or name it in VALKEY_URL",
  READONLY: "It is a replica. Name the primary in VALKEY_URL, or use valkey+sentinel://",
  NOREPLICAS: "Bring its replicas back, or lower min-replicas-to-write",
  MISCONF: "The server cannot save its data. Free space on its disk, and check its log",
  OOM: "Raise maxmemory, or remove other data that is stored there",
  BUSY: "Another program's script is blocking the server. Stop it with SCRIPT KILL",
  CLUSTERDOWN: "Check CLUSTER NODES, then bring the failed primary back or fail over",
  TRYAGAIN: "Wait for the slot migration to finish, or complete it",
  DENIED: "Give the server a password, or turn off its protected mode",
};

/** Text of a reply with the code ERR -> remedy. */
const ERR_REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/max number of clients/, "Raise maxclients and the server's limit on open files, or close other connections"],
  [/DB index|invalid DB/i, "Name a database in VALKEY_URL that the server has, or raise its setting `databases`"],
  [/SELECT is not allowed in cluster/i, "Write valkey+cluster:// instead of valkey://, without a database"],
  [/cluster support disabled/, "Write valkey:// instead of valkey+cluster://"],
  [/unknown command|compiling script/i, "Use Valkey 8, or Redis 7.0 or later, with this command enabled"],
  [/AUTH|password/, "Set the server's user and password in VALKEY_URL"],
];

const NO_ROUTE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL"]);
const UNRESOLVED = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME"]);
/** Codes of OpenSSL and Node for a server certificate that fails verification. */
const UNTRUSTED = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);
/** TLS alerts by which a server asks for a client certificate. */
const CERTIFICATE_WANTED = /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/;
const CERTIFICATE_REFUSED = /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|DECRYPT_ERROR)/;
const TEXT_MAX = 300;

/** Undefined if the error does not show what is wrong, for example "connection reset". */
export function explain(error: unknown, address: ValkeyAddress): Trouble | undefined {
  if (error instanceof StoreAway && error.cause !== undefined) return explain(error.cause, address);
  if (error instanceof AggregateError) return explain(error.errors[0], address);
  if (!(error instanceof Error)) return undefined;
  if (error instanceof Explained) return error.trouble;
  const answer = error.name === "ReplyError" ? error.message : strayReply(error);
  if (answer !== undefined) return explainAnswer(answer, address);
  const code = "code" in error ? String(error.code) : "";
  const at = placeIn(error, address);
  const say = (kind: string, text: string): Trouble => ({ kind, text, isAnswer: false });
  if (code === "ECONNREFUSED") {
    const todo = "Start it there, or correct the host and port in VALKEY_URL";
    return say(code, `nothing listens at ${at} (${code}). ${todo}`);
  }
  if (UNRESOLVED.has(code)) {
    const host = "hostname" in error ? String(error.hostname) : at;
    return say("name", `the name ${host} cannot be resolved (${code}). Correct it in VALKEY_URL, or check DNS`);
  }
  if (NO_ROUTE.has(code)) {
    return say(
      "route",
      `${at} cannot be reached (${code}). Check the network and firewalls between this machine and the server`,
    );
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return say(code, `this process cannot open more files (${code}). Raise its limit: ulimit -n 65536`);
  }
  if (UNTRUSTED.has(code)) {
    const todo = "Set VALKEY_CA to the file of the authority to trust";
    return say("trust", `its certificate is not trusted (${error.message}). ${todo}`);
  }
  if (CERTIFICATE_WANTED.test(code)) {
    return address.cert === undefined
      ? say("certificate", `it requires a client certificate (${code}). Set VALKEY_CERT and VALKEY_KEY`)
      : say("certificate", `it refuses TLS although VALKEY_CERT is set (${code}). Check the server's log`);
  }
  if (CERTIFICATE_REFUSED.test(code)) {
    const todo = "Set VALKEY_CERT to a certificate signed by an authority that the server trusts";
    return say("certificate", `it does not accept the client certificate (${code}). ${todo}`);
  }
  return undefined;
}

/** Like `explain`, but always answers: for errors about which nothing more can be found out. */
export function explainAtLast(error: unknown, address: ValkeyAddress): Trouble {
  const known = explain(error, address);
  if (known) return known;
  const words = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Silent) && !/ETIMEDOUT/.test(words)) {
    // A server that misses a certificate says so and closes, and the reset may overtake the words.
    const isUnproven = address.tls && address.cert === undefined;
    const guess = isUnproven ? "Perhaps it requires a client certificate (VALKEY_CERT, VALKEY_KEY). " : "";
    return {
      kind: "closed",
      text: `the connection failed (${words}). ${guess}Check the server's log`,
      isAnswer: false,
    };
  }
  const text = `it does not answer (${words}). Check whether the server hangs, and check the network between it and this machine`;
  return { kind: "silent", text, isAnswer: false };
}

function explainAnswer(answer: string, address: ValkeyAddress): Trouble {
  const code = answer.split(" ", 1)[0] ?? "";
  const remedy = REMEDIES[DENIED_INSIDE.test(answer) ? "NOPERM" : code];
  const found = ERR_REMEDIES.find(([pattern]) => code === "ERR" && pattern.test(answer));
  const todo = remedy ?? found?.[1] ?? "Check its log";
  // A server repeats an unknown command with its arguments, which may include the password.
  const { password } = address;
  const shown = (password ? answer.replaceAll(password, "***") : answer).slice(0, TEXT_MAX);
  return { kind: found ? String(found[0]) : code, text: `it answers "${shown}". ${todo}`, isAnswer: true };
}

/** The address that failed. */
function placeIn(error: Error, address: ValkeyAddress): string {
  if ("address" in error) {
    const host = String(error.address);
    return "port" in error ? formatEndpoint({ host, port: Number(error.port) }) : host;
  }
  return address.kind === "single" ? formatEndpoint(address.endpoint) : "that address";
}
