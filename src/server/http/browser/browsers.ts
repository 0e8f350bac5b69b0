/*
 * Routes and headers for browsers only: documents, redirects to addresses at which relative links
 * work, and the sources that the app may load. Only this file imports helmet.
 */

import type { Request, RequestHandler } from "express";
import helmet from "helmet";
import { rightAddress } from "../../input/base-path.js";

/** Browsers prefer a document. Programs that accept anything get data. */
export function wantsPage(request: Request): boolean {
  return request.accepts(["json", "html"]) === "html";
}

export function redirectBrowsers(basePath: string): RequestHandler {
  return (request, response, next) => {
    const address = rightAddress(request.originalUrl, basePath);
    if (address === undefined || request.method !== "GET" || !wantsPage(request)) next();
    else response.redirect(address);
  };
}

/**
 * `frames` is called for each answer and returns the origins of the demo's panes, separated by
 * spaces. `ancestors` are the other origins whose pages may frame the app.
 */
export function securityHeaders(frames: () => string, ancestors: readonly string[]): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-src": ["'self'", frames],
        "frame-ancestors": ["'self'", frames, ...ancestors],
        // No upgrade-insecure-requests, because many machines serve the app over plain HTTP.
      },
    },
    // It can name no other origin. Browsers that know `frame-ancestors` ignore it.
    xFrameOptions: ancestors.length === 0 && { action: "sameorigin" },
    strictTransportSecurity: false,
  });
}

/** Origins of the demo's panes: other ports of this machine, under any of its host names. */
export function paneOrigins(urls: readonly string[]): string {
  // For instances that were started one by one, /demo?ports= names the ports.
  if (urls.length === 0) return "http://localhost:* http://127.0.0.1:*";
  const hosts = ["*", "localhost", "127.0.0.1"];
  const origins = urls.flatMap((url) => {
    const { protocol, port } = new URL(url);
    return hosts.map((host) => `${protocol}//${host}:${port}`);
  });
  return origins.join(" ");
}
