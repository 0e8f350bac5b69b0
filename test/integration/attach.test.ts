/* What attachBoards takes, and what of someone else's app it leaves alone. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import express from "express";
import { Server, type ServerOptions } from "socket.io";
import { type AttachBoardsOptions, attachBoards, BadOption, OPTIONS } from "../../src/server/index.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";

describe("attachBoards", () => {
  const boards = { main: 64 };

  /** Attached, or why not. */
  async function attempt(
    t: { after(end: () => unknown): unknown },
    options: Partial<AttachBoardsOptions>,
    others: Partial<ServerOptions> = {},
  ): Promise<string> {
    const io = new Server(createServer(), others);
    const dataDir = temporaryFolder(t);
    try {
      const attached = await attachBoards(io, express(), { boards, dataDir, ...options });
      await attached.close();
      return "attached";
    } catch (error) {
      assert.ok(error instanceof BadOption, String(error));
      return error.message;
    } finally {
      await io.close();
    }
  }

  test("refuses settings that have a field of their own, mean nothing in an app or are unknown, and says what to use", async (t) => {
    const secret = "a secret of more than thirty-two bytes";
    const fates = {
      JWT_SECRET: await attempt(t, { settings: { JWT_SECRET: secret } }),
      VALKEY_URL: await attempt(t, { settings: { VALKEY_URL: "valkey://127.0.0.1:1" } }),
      ACCESS: await attempt(t, { access: "token", jwtSecret: secret, settings: { ACCESS: "token" } }),
      METRICS_PORT: await attempt(t, { settings: { METRICS_PORT: "0" } }),
      DRIAN_MS: await attempt(t, { settings: { DRIAN_MS: "100" } }),
      PATH: await attempt(t, { settings: { PATH: "/bin" } }),
    };
    assert.deepEqual(fates, {
      JWT_SECRET: "settings has JWT_SECRET: use the field `jwtSecret`",
      VALKEY_URL: "settings has VALKEY_URL: use the field `valkeyUrl`",
      ACCESS: "settings has ACCESS: use the field `access`",
      METRICS_PORT:
        "settings has METRICS_PORT: use a middleware of yours before /metrics and /cluster, which are routes of your app",
      DRIAN_MS: "settings has DRIAN_MS, and there is no such option",
      PATH: "settings has PATH, and there is no such option",
    });
    assert.equal(await attempt(t, { settings: { DRAIN_MS: "0", ACCESS: undefined } }), "attached");
  });

  test("drops no option that it takes: each is a field, a setting, or refused", async (t) => {
    const taken = [];
    for (const { env, fallback } of Object.values(OPTIONS)) {
      const fate = await attempt(t, { settings: { [env]: fallback ?? "x" } });
      if (fate === "attached") taken.push(env);
      else assert.match(fate, new RegExp(`^settings has ${env}: use |^SENTINEL_USERNAME is set`));
    }
    assert.deepEqual(taken, [
      "INSTANCE_NAME",
      "SENTINEL_PASSWORD",
      "DURABILITY_WAIT_MS",
      "HISTORY_DELTAS",
      "WRITES_PER_SECOND",
      "WRITE_BURST",
      "CONNECTIONS_PER_ADDRESS",
      "CONNECTS_PER_SECOND",
      "HTTP_PER_MINUTE",
      "WATCHED_PAGES",
      "CLIENT_BUFFER_BYTES",
      "FLUSH_MS",
      "FLUSH_UNSEEN_MS",
      "WRITE_WAIT_MS",
      "DRAIN_MS",
      "ORIGINS",
    ]);
  });

  test("refuses an io whose sockets come back past the middlewares, and takes one whose do not", async (t) => {
    const authorise = () => undefined;
    assert.match(await attempt(t, { authorise }, { connectionStateRecovery: {} }), /set its skipMiddlewares to false$/);
    const asking = { connectionStateRecovery: { skipMiddlewares: false } };
    assert.equal(await attempt(t, { authorise }, asking), "attached");
  });

  test("leaves the app's own /state alone where it does not teach", async (t) => {
    let asked = 0;
    const { url, app } = await startApp(t, {
      boards,
      dataDir: temporaryFolder(t),
      settings: { HTTP_PER_MINUTE: "1" },
      authorise: () => {
        asked++;
        return undefined;
      },
    });
    app.get("/state", (_, response) => void response.send("of the app"));
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`${url}/state`);
      assert.equal(await response.text(), "of the app");
      assert.equal(response.headers.get("ratelimit"), null);
    }
    assert.equal(asked, 0);
    assert.equal((await fetch(`${url}/boards`)).status, 200);
    assert.equal(asked, 1);
  });
});
