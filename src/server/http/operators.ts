/*
 * Routes for operators: metrics and the state of all instances, beside the boards or on another
 * port.
 */

import express, { type Express, Router } from "express";
import { type HttpGate, refuseChunked } from "../connections/gate.js";
import type { ClusterState } from "../fleet/fleet.js";
import type { Instance } from "../instance/instance.js";
import { sendDocument, serveAssets } from "./browser/assets.js";
import { redirectBrowsers, securityHeaders, wantsPage } from "./browser/browsers.js";
import { answerErrors, refuseUnknown } from "./requests/errors.js";
import { pace } from "./requests/rate-limit.js";
import { addressOf } from "./requests/request-context.js";

export interface OperatorView {
  readonly cluster: () => ClusterState;
  /** Returns the metrics in Prometheus's text format. */
  readonly metrics: () => Promise<string>;
}

/** Cost of collecting all metrics, in Admission's work units. It takes some milliseconds. */
const METRICS_WORK = 50;

export function operatorRoutes(
  instance: Instance,
  view: OperatorView,
  pageFolder: string | undefined,
  isPublic: boolean,
): Router {
  const router = Router();
  router.get("/metrics", async (request, response) => {
    if (isPublic) instance.admission.admitWork(addressOf(request), METRICS_WORK);
    response.type(instance.metrics.registry.contentType).send(await view.metrics());
  });
  const document = pageFolder === undefined ? undefined : sendDocument(serveAssets(pageFolder), "cluster.html");
  router.get("/cluster", (request, response, next) => {
    response.vary("Accept").set("Cache-Control", "no-store");
    if (document && wantsPage(request)) document(request, response, next);
    else response.json(view.cluster());
  });
  return router;
}

/** The Express app for METRICS_PORT. */
export function createOperatorApp(instance: Instance, view: OperatorView, gate: HttpGate, pageFolder: string): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(gate.pass, refuseChunked, pace(instance));
  app.use(securityHeaders(() => "", []));
  app.use(redirectBrowsers(""));
  app.use(operatorRoutes(instance, view, pageFolder, false));
  app.use(serveAssets(pageFolder));
  app.use(refuseUnknown);
  app.use(answerErrors(instance));
  return app;
}
