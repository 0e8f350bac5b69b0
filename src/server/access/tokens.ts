/*
 * Verifies tokens. Every token is a JWT with an expiry. Its claim `boards` maps board names, or
 * `*`, to rights. The kind of key determines the algorithms, whatever the token claims: HS256 for a
 * shared secret, asymmetric ones for published keys. Neither `none` nor a public key used as a
 * secret is accepted. Only this file imports jose.
 */

import { createRemoteJWKSet, customFetch, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import { realClock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import { TokenBucket } from "../limits/token-bucket.js";
import { type Grant, isRight, type Right, UNNAMED, type Verify } from "./grant.js";

interface TokenKeys {
  readonly secret: string | undefined;
  /** URL of the published keys, a JSON Web Key Set. */
  readonly jwksUrl: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** By RFC 7518, 3.2, an HS256 key must be at least as long as the hash. */
export const SECRET_BYTES_MIN = 32;
const TOKEN_CHARACTERS_MAX = 8_192;
const BOARDS_MAX = 256;
/** Largest accepted difference between the issuer's clock and ours. */
const LEEWAY_S = 5;
const JWKS_MS_MAX = 3_000;
/** Fetches of the published keys. Without a limit, each made-up key id would cause one. */
const FETCHES = { perSecond: 0.2, burst: 5 };
const SYMMETRIC = ["HS256"];
const ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/**
 * Undefined without keys. `now` returns milliseconds since 1970. `away` is called for failed
 * fetches.
 */
export function tokenVerifier(
  keys: TokenKeys,
  now: () => number,
  away: (error: unknown) => void = () => undefined,
  monotonic: () => number = realClock.now,
): Verify | undefined {
  const { secret, jwksUrl, issuer, audience } = keys;
  if (secret === undefined && jwksUrl === undefined) return undefined;
  const rules = (): JWTVerifyOptions => ({
    algorithms: jwksUrl === undefined ? SYMMETRIC : ASYMMETRIC,
    requiredClaims: ["exp"],
    currentDate: new Date(now()),
    clockTolerance: LEEWAY_S,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
  const fetches = new TokenBucket(FETCHES, monotonic());
  const boundedFetch: typeof fetch = async (...request) => {
    const waitMs = fetches.take(1, monotonic());
    if (waitMs > 0) throw new Refusal("KEYS_AWAY", { retryAfterMs: waitMs });
    return fetch(...request);
  };
  const published =
    jwksUrl === undefined
      ? undefined
      : createRemoteJWKSet(new URL(jwksUrl), {
          timeoutDuration: JWKS_MS_MAX,
          // No cooldown, because a new key may appear right after a fetch. `boundedFetch` limits
          // fetches instead.
          cooldownDuration: 0,
          [customFetch]: boundedFetch,
        });
  const shared = new TextEncoder().encode(secret ?? "");
  return async (token) => {
    if (token.length > TOKEN_CHARACTERS_MAX) throw new Refusal("UNAUTHORIZED", { detail: "the token is too long" });
    try {
      const { payload } = published
        ? await jwtVerify(token, published, rules())
        : await jwtVerify(token, shared, rules());
      return grantOf(payload);
    } catch (error) {
      const refusal = meaning(error);
      if (refusal.code === "KEYS_AWAY" && refusal !== error) away(error);
      throw refusal;
    }
  };
}

function grantOf(payload: JWTPayload): Grant {
  const claim: unknown = payload.boards;
  if (typeof claim !== "object" || claim === null || Array.isArray(claim)) {
    throw new Refusal("UNAUTHORIZED", { detail: "the claim `boards` is not an object of board names and rights" });
  }
  const entries: [string, unknown][] = Object.entries(claim);
  if (entries.length > BOARDS_MAX)
    throw new Refusal("UNAUTHORIZED", { detail: "the claim `boards` names too many boards" });
  const boards = new Map<string, Right>();
  for (const [board, right] of entries) {
    if (!isRight(right)) throw new Refusal("UNAUTHORIZED", { detail: "the claim `boards` has an unknown right" });
    boards.set(board, right);
  }
  return { subject: payload.sub ?? UNNAMED, boards, expiresMs: ((payload.exp ?? 0) + LEEWAY_S) * 1_000 };
}

/** Translates the failure for the peer, without details about signatures. */
function meaning(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof errors.JWTExpired) return new Refusal("TOKEN_EXPIRED", { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new Refusal("UNAUTHORIZED", { detail: `the claim ${error.claim} is missing or wrong`, cause: error });
  }
  const isTokens =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC";
  if (isTokens) return new Refusal("UNAUTHORIZED", { cause: error });
  // Any other error means that the published keys cannot be fetched or are invalid.
  return new Refusal("KEYS_AWAY", { retryAfterMs: 2_000, cause: error });
}
