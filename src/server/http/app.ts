/*
 * The Express app of `socketscaler serve`: the routes of an instance, and the app in the browser.
 */

import express, { type Express } from "express";
import { refuseChunked } from "../connections/gate.js";
import type { Instance } from "../instance/instance.js";
import type { Trust } from "../limits/client-address.js";
import { sendDocument, serveAssets } from "./browser/assets.js";
import { paneOrigins, redirectBrowsers, securityHeaders } from "./browser/browsers.js";
import { frontPage } from "./browser/front-page.js";
import type { OperatorView } from "./operators.js";
import { answerErrors, refuseUnknown } from "./requests/errors.js";
import { boardRoutes, type HttpOptions } from "./routes.js";

interface AppOptions extends HttpOptions {
  readonly trust: Trust;
  readonly pageFolder: string;
  /**
   * URLs of the instances that /demo shows side by side. If empty, /demo shows only this instance.
   */
  readonly demoUrls: () => readonly string[];
  readonly basePath: string;
  readonly view: "live" | "feed";
  /** Origins whose pages may frame the app, or `*`. */
  readonly frameOrigins: readonly string[];
}

export function createApp(instance: Instance, view: OperatorView, options: AppOptions): Express {
  const { demoUrls, frameOrigins } = options;
  const assets = serveAssets(options.pageFolder);
  const app = express();
  app.set("trust proxy", options.trust);
  app.disable("x-powered-by");
  app.use(
    options.gate.pass,
    refuseChunked,
    securityHeaders(() => paneOrigins(demoUrls()), frameOrigins),
  );
  app.use((_, response, next) => {
    // Otherwise the next request on this connection would reach an instance that is gone.
    if (instance.departures.isDraining) response.set("Connection", "close");
    next();
  });
  app.use(redirectBrowsers(options.basePath));
  app.use(boardRoutes(instance, view, options));
  app.get("/demo/instances", (_, response) => void response.json({ urls: demoUrls() }));
  app.get("/demo", sendDocument(assets, "demo.html"));
  app.get(["/", "/index.html"], frontPage(instance, options));
  app.use(assets);
  app.use(refuseUnknown);
  app.use(answerErrors(instance));
  return app;
}
