/* For browsers only: documents, and redirects to addresses from which relative links work. */

import type { Request, RequestHandler } from "express";
import { rightAddress } from "../input/base-path.js";

/** Programs that accept anything get data; browsers ask for a document first. */
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
