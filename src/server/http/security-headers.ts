/* What browsers may load: only the app's files, its instance and the demo's frames. Door to helmet. */

import type { RequestHandler, Response } from "express";
import helmet from "helmet";

/** `frames` gives the origins of the demo's panes, separated by spaces, for each answer. */
export function securityHeaders(frames: () => string): RequestHandler {
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
        "frame-ancestors": ["'self'", frames],
        // Without upgrade-insecure-requests, as many machines serve the app over plain HTTP.
      },
    },
    strictTransportSecurity: false,
  });
}

/** The demo's panes are other ports of this machine, under any name that it has for visitors. */
export function paneOrigins(urls: readonly string[]): string {
  // Instances that were started one by one: /demo?ports= names their ports.
  if (urls.length === 0) return "http://localhost:* http://127.0.0.1:*";
  const hosts = ["*", "localhost", "127.0.0.1"];
  const origins = urls.flatMap((url) => {
    const { protocol, port } = new URL(url);
    return hosts.map((host) => `${protocol}//${host}:${port}`);
  });
  return origins.join(" ");
}

export function cacheHashed(response: Response, path: string): void {
  const isHashed = /[/\\]assets[/\\]/.test(path);
  response.set("Cache-Control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
}
