/*
 * The routes of an instance, to be mounted in any Express app. Every error is answered from the
 * table in errors.ts, as `{"error": {code, message}}`.
 */

import { Router } from "express";
import { Refusal } from "../../protocol/errors.js";
import { TEACHING_BOARD } from "../../protocol/version.js";
import { type HttpGate, refuseChunked } from "../connections/gate.js";
import type { Instance } from "../instance/instance.js";
import type { CountShared } from "../limits/shared-limits.js";
import { readState } from "../sockets/teaching/teaching.js";
import { boardsRouter } from "./boards.js";
import { type OperatorView, operatorRoutes } from "./operators.js";
import { answerErrors, refuseUnknown } from "./requests/errors.js";
import { limitPerMinute, pace } from "./requests/rate-limit.js";
import { addressOf, boardFor, identify } from "./requests/request-context.js";
import type { CacheRules } from "./requests/shared-caches.js";

export interface HttpOptions {
  readonly requestsPerMinute: number;
  readonly countShared: CountShared | undefined;
  /** Whether to serve GET /state of the teaching protocol. */
  readonly teaching: boolean;
  /** Whether to serve the operators' routes here rather than with `createOperatorApp`. */
  readonly forOperators: boolean;
  /** Every request passes this gate first. */
  readonly gate: HttpGate;
  readonly caching: CacheRules;
  /** Folder of the built browser app. If set, the whole Express app belongs to this instance. */
  readonly pageFolder?: string;
}

const STATE_CELLS_PER_WORK = 500;

export function boardRoutes(instance: Instance, view: OperatorView, options: HttpOptions): Router {
  const { teaching, pageFolder, caching } = options;
  const router = Router();
  // In a host app, /state may be one of the app's own routes.
  const boards = teaching ? ["/state", "/boards"] : ["/boards"];
  const routes = ["/health", "/ready", "/metrics", "/cluster", ...boards];
  const ours = pageFolder ? "/" : routes;
  // In our own app, every request has already passed the gate.
  if (!pageFolder) router.use(ours, options.gate.pass, refuseChunked);
  router.use(routes, (_, response, next) => {
    response.set("X-Content-Type-Options", "nosniff");
    next();
  });
  // Counted separately, so that requests of other clients behind a balancer do not delay its
  // probes.
  router.use(["/health", "/ready"], pace(instance, "probes of "));
  router.get("/health", (_, response) => void response.json({ ok: true, instance: instance.name }));
  router.get("/ready", (_, response) => {
    const refusal = unready(instance);
    response.status(refusal ? 503 : 200).json(refusal ? { error: refusal.toBody() } : { ok: true });
  });
  router.use(ours, pace(instance, "", caching));
  if (options.forOperators) router.use(operatorRoutes(instance, view, pageFolder, true));

  router.use(boards, limitPerMinute(instance, options), identify(instance));
  if (teaching) {
    router.get("/state", async (request, response) => {
      const board = boardFor(instance, response, TEACHING_BOARD, "view");
      instance.admission.admitWork(addressOf(request), board.size / STATE_CELLS_PER_WORK);
      response.json({ state: await readState(instance, board) });
    });
  }
  router.use(boardsRouter(instance, caching));
  router.use("/boards", refuseUnknown);
  router.use(answerErrors(instance));
  return router;
}

/** Why a balancer should not send clients here; undefined if it should. */
function unready({ departures, store }: Instance): Refusal | undefined {
  if (departures.isDraining) return new Refusal("GOING_AWAY");
  return store.available ? undefined : new Refusal("STORE_AWAY");
}
