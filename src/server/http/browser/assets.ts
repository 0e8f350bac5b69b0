/*
 * Sends the files of the built app. Beside each text file, the build has put copies in brotli and
 * gzip (scripts/compress-assets.mjs). A client gets the smallest copy that it accepts, or the file.
 *
 * This file only names the copy. Express sends it, with HEAD, ranges, conditional requests and
 * errors of the disk. A range counts the bytes of the copy, as RFC 9110 says (14.1.2).
 */

import { extname } from "node:path";
import express, { type RequestHandler, type Response } from "express";
import { type Coding, codingsFor } from "../requests/codings.js";

const ENDINGS: Readonly<Record<Coding, string>> = { br: ".br", gzip: ".gz" };
const OF_THE_FILE = ["Content-Encoding", "Content-Type", "Cache-Control", "ETag", "Last-Modified"];

export function serveAssets(root: string): RequestHandler {
  // No redirects, because they would drop a path that a proxy has removed.
  const files = express.static(root, { index: false, redirect: false, setHeaders });
  return (request, response, next) => {
    const { url } = request;
    const [path = "", ...query] = url.split("?");
    const isAsked = request.method === "GET" || request.method === "HEAD";
    if (!isAsked || codingOf(path) !== undefined) return next();
    response.vary("Accept-Encoding");
    const offer = ([coding, ...others]: readonly Coding[]): void => {
      if (coding) request.url = [path + ENDINGS[coding], ...query].join("?");
      files(request, response, (error?: unknown) => {
        request.url = url;
        if (error !== undefined) failed(response, error, next);
        else if (coding) offer(others);
        else next();
      });
    };
    offer(codingsFor(request));
  };
}

/** Sends this file of the app, whatever the address. */
export function sendDocument(assets: RequestHandler, name: string): RequestHandler {
  return (request, response, next) => {
    const { url } = request;
    request.url = `/${name}`;
    return assets(request, response, (error?: unknown) => {
      request.url = url;
      next(error);
    });
  };
}

/** Called once the file is found. */
function setHeaders(response: Response, path: string): void {
  const coding = codingOf(path);
  if (coding) response.set("Content-Encoding", coding).type(extname(path.slice(0, -ENDINGS[coding].length)));
  if (response.hasHeader("Cache-Control")) return;
  const isHashed = /[/\\]assets[/\\]/.test(path);
  response.set("Cache-Control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
}

function codingOf(path: string): Coding | undefined {
  if (path.endsWith(ENDINGS.br)) return "br";
  return path.endsWith(ENDINGS.gzip) ? "gzip" : undefined;
}

/** The answer is no longer the file, so it must not have the headers of the file. */
function failed(response: Response, error: unknown, next: (error: unknown) => void): void {
  for (const name of OF_THE_FILE) response.removeHeader(name);
  const status = error instanceof Error && "status" in error ? error.status : 500;
  // A condition that does not hold, and a range outside the file, are answers rather than errors.
  if (status === 412 || status === 416) response.status(status).end();
  else next(error);
}
