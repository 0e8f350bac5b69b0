/*
 * The parts that every request has. Here they are its context: the visitor, their address, the
 * board and the page.
 */

import type { Request, RequestHandler, Response } from "express";
import { Refusal } from "../../../protocol/errors.js";
import { ANYBODY, type Visitor } from "../../access/access.js";
import { callerOf } from "../../access/caller.js";
import type { Right } from "../../access/grant.js";
import type { Instance } from "../../instance/instance.js";
import { checkPage } from "../../instance/instance.js";
import { addressKey } from "../../limits/address.js";
import { clientAddress, trustOf } from "../../limits/client-address.js";
import type { HostedBoard } from "../../pages/pages.js";

/**
 * Identifies the visitor by the token in `Authorization: Bearer` or by the host app's hook. Keeps
 * answers that not everyone may see out of shared caches.
 */
export function identify(instance: Instance): RequestHandler {
  return async (request, response, next) => {
    // Other schemes, such as Basic, are meant for a proxy in front or for the host app.
    const [scheme, token, ...others] = (request.headers.authorization ?? "").trim().split(/\s+/);
    const isOurs = scheme?.toLowerCase() === "bearer";
    if (isOurs && (token === undefined || others.length > 0)) throw new Refusal("UNAUTHORIZED");
    const visitor = await instance.access.visitor(callerOf("http", request, isOurs ? token : undefined));
    response.locals.visitor = visitor;
    response.vary("Authorization");
    if (instance.access.hasHook) response.vary("Cookie");
    if (visitor.grant) response.set("Cache-Control", "private, no-cache");
    next();
  };
}

/** The visitor that `identify` found. */
export function visitorOf(response: Response): Visitor {
  const { visitor }: { visitor?: Visitor } = response.locals;
  return visitor ?? ANYBODY;
}

/** The address in the form that limits count. Express's `request.ip` knows fewer proxy headers. */
export function addressOf(request: Request): string {
  return addressKey(clientAddress(request, trustOf(request.app)));
}

/** The board of that name. Throws a Refusal if it does not exist or the visitor lacks the right. */
export function boardFor(instance: Instance, response: Response, name: string, right: Right): HostedBoard {
  const board = instance.boards.get(name);
  if (!board) throw new Refusal("UNKNOWN_BOARD");
  instance.access.require(visitorOf(response), name, right);
  return board;
}

/**
 * The page that a request names. Throws a Refusal if there is none or the visitor may not view it.
 */
export function pageFor(
  instance: Instance,
  request: Request,
  response: Response,
): { board: HostedBoard; page: number } {
  const board = boardFor(instance, response, String(request.params.board), "view");
  const page = wholeNumber(String(request.params.page));
  if (page === undefined) throw new Refusal("PAGE_OUT_OF_RANGE");
  checkPage(board, page);
  return { board, page };
}

export function wholeNumber(text: string): number | undefined {
  return /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : undefined;
}
