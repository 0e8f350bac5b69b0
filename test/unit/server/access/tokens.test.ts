/* Tokens at the edges: clocks that differ, and keys that change or are made up. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Refusal } from "../../../../src/protocol/errors.js";
import { tokenVerifier } from "../../../../src/server/access/tokens.js";

const SECRET = "a secret of at least thirty-two bytes";
const NOW_S = 1_800_000_000;
const NONE = { issuer: undefined, audience: undefined };

async function codeOf(verifying: Promise<unknown> | undefined): Promise<string> {
  return Promise.resolve(verifying).then(
    () => "taken",
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

describe("a clock that differs from the issuer's", () => {
  const verify = tokenVerifier({ secret: SECRET, jwksUrl: undefined, ...NONE }, () => NOW_S * 1_000);
  const signed = (claims: Record<string, number>) =>
    new SignJWT({ boards: { main: "write" }, exp: NOW_S + 60, ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(SECRET));

  for (const [claims, outcome] of [
    [{ nbf: NOW_S + 1 }, "taken"],
    [{ nbf: NOW_S + 5, iat: NOW_S + 5 }, "taken"],
    [{ iat: NOW_S + 5 }, "taken"],
    [{ exp: NOW_S - 4 }, "taken"],
    [{ nbf: NOW_S + 60 }, "UNAUTHORIZED"],
    [{ exp: NOW_S - 60 }, "TOKEN_EXPIRED"],
  ] as const) {
    test(`by a few seconds is tolerated, by more it is not: ${JSON.stringify(claims)}`, async () => {
      assert.equal(await codeOf(verify?.(await signed(claims))), outcome);
    });
  }

  test("gives a token its rights for as long as it is taken", async () => {
    const grant = await verify?.(await signed({ exp: NOW_S - 4 }));
    assert.ok(grant && grant.expiresMs > NOW_S * 1_000);
  });
});

describe("published keys", () => {
  async function issuerOf(t: TestContext) {
    const published: object[] = [];
    let fetches = 0;
    let isThere = true;
    let hold = Promise.resolve();
    const server = createServer(async (_, response) => {
      fetches++;
      await hold;
      response.statusCode = isThere ? 200 : 503;
      response.end(JSON.stringify({ keys: published }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address && typeof address === "object");
    let nowMs = 0;
    const away: unknown[] = [];
    const verify = tokenVerifier(
      { secret: undefined, jwksUrl: `http://127.0.0.1:${address.port}/`, ...NONE },
      () => NOW_S * 1_000,
      (error) => away.push(error),
      () => nowMs,
    );
    assert.ok(verify);
    /** A token by a new key of that name, which may be published with it. */
    const sign = async (kid: string, isPublished: boolean) => {
      const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
      if (isPublished) published.push({ ...(await exportJWK(publicKey)), alg: "ES256", kid });
      const token = new SignJWT({ boards: { main: "write" }, exp: NOW_S + 60 });
      return token.setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
    };
    return {
      verify,
      sign,
      away,
      fetched: () => fetches,
      pass: (ms: number) => {
        nowMs += ms;
      },
      be: (there: boolean) => {
        isThere = there;
      },
      holdBack: () => {
        let release = () => {};
        hold = new Promise((done) => {
          release = done;
        });
        return release;
      },
    };
  }

  test("are fetched again for an unknown key, however recently they were fetched", async (t) => {
    const { verify, sign, fetched } = await issuerOf(t);
    assert.equal(await codeOf(verify(await sign("one", true))), "taken");
    assert.equal(await codeOf(verify(await sign("two", true))), "taken");
    const third = await sign("three", true);
    assert.deepEqual([await codeOf(verify(third)), await codeOf(verify(third))], ["taken", "taken"]);
    assert.equal(fetched(), 3);
  });

  test("are fetched once for all who wait for them", async (t) => {
    const { verify, sign, fetched, holdBack } = await issuerOf(t);
    assert.equal(await codeOf(verify(await sign("one", true))), "taken");
    const token = await sign("two", true);
    const release = holdBack();
    const waiting = Array.from({ length: 50 }, () => codeOf(verify(token)));
    release();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["taken"]));
    assert.equal(fetched(), 2);
  });

  for (const isThere of [true, false]) {
    test(`are not fetched at the pace at which keys are made up, while the issuer ${isThere ? "answers" : "does not"}`, async (t) => {
      const { verify, sign, fetched, pass, be, away } = await issuerOf(t);
      const known = await sign("known", true);
      if (isThere) assert.equal(await codeOf(verify(known)), "taken");
      be(isThere);
      const codes = [];
      for (let count = 0; count < 40; count++) codes.push(await codeOf(verify(await sign(`made-up-${count}`, false))));
      assert.equal(fetched(), 5);
      assert.equal(codes.at(0), isThere ? "UNAUTHORIZED" : "KEYS_AWAY");
      // It cannot be judged now: the client is asked to come again, not to give up.
      assert.equal(codes.at(-1), "KEYS_AWAY");
      assert.equal(away.length, isThere ? 0 : 5);
      if (isThere) assert.equal(await codeOf(verify(known)), "taken", "a known key needs no fetch");
      be(true);
      const rotated = await sign("rotated", true);
      assert.equal(await codeOf(verify(rotated)), "KEYS_AWAY");
      pass(5_000);
      assert.equal(await codeOf(verify(rotated)), "taken");
      assert.equal(fetched(), 6);
    });
  }
});
