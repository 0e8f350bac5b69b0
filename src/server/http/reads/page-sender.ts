/*
 * Reads of a board. This one sends a page's whole bitmap, compressed if the client accepts that.
 * The ETag is made from the page's position and its number of cells, so that `If-None-Match` can
 * avoid a body. The number of cells is part of it because a board that grew has a longer last page
 * at the same position.
 */

import type { Request, RequestHandler } from "express";
import { bitmapBytes } from "../../../board/bitmap.js";
import { cropUpdate, type Snapshot } from "../../../board/delta.js";
import { cellsInPage } from "../../../board/geometry.js";
import { keepNewest } from "../../../board/keep-newest.js";
import { formatPosition } from "../../../board/position.js";
import type { Instance } from "../../instance/instance.js";
import { type Coding, codingsFor, compress } from "../requests/codings.js";
import { addressOf, pageFor } from "../requests/request-context.js";
import { type CacheRules, FOR_A_SECOND, setCaching } from "../requests/shared-caches.js";

/** Most bodies kept, of at most about 8 KiB each. */
const KEPT_MAX = 512;

/** Cost of sending a page, in Admission's work units. */
const PAGE_WORK = 10;

export function pageSender(instance: Instance, caching: CacheRules): RequestHandler {
  const bodies = new PageBodies();
  return async (request, response) => {
    const { board, page } = pageFor(instance, request, response);
    const isFromStore = wantsOrigin(request);
    instance.admission.admitWork(addressOf(request), PAGE_WORK);
    const snapshot = await (isFromStore ? instance.readStored(board, page) : instance.readPage(board, page));
    // A body compressed earlier is also a copy.
    const [coding] = isFromStore ? [] : codingsFor(request);
    const cells = cellsInPage(board.size, page);
    // A compressed body is another representation of the same page, so its ETag is weak.
    const weak = coding ? "W/" : "";
    response.set("ETag", `${weak}"${formatPosition(snapshot.position)}.${cells}"`);
    response.vary("Accept-Encoding");
    setCaching(instance, response, board, caching, FOR_A_SECOND);
    if (request.fresh) {
      response.status(304).end();
      return;
    }
    const body = await bodies.encode(board.name, snapshot, cells, coding);
    if (coding) response.set("Content-Encoding", coding);
    response.type("application/octet-stream").send(body);
  };
}

/**
 * Whether the client refuses a copy (RFC 9111, 5.2.1.4). A replica is a copy; the store is the
 * origin.
 */
function wantsOrigin(request: Request): boolean {
  return /(^|,)\s*no-cache\s*(,|$)/i.test(request.headers["cache-control"] ?? "");
}

/** Caches bodies, because many clients request the same pages at the same positions. */
class PageBodies {
  /** Bodies by page, position and coding, least recently used first. */
  readonly #kept = new Map<string, Promise<Buffer>>();

  encode(board: string, snapshot: Snapshot, cells: number, coding: Coding | undefined): Promise<Buffer> {
    if (!coding) return Promise.resolve(whole(snapshot, cells));
    const key = `${board}:${snapshot.page} ${formatPosition(snapshot.position)} ${cells} ${coding}`;
    const body = this.#kept.get(key) ?? compress(whole(snapshot, cells), coding);
    this.#kept.delete(key);
    this.#kept.set(key, body);
    keepNewest(this.#kept, KEPT_MAX);
    return body;
  }
}

function whole(snapshot: Snapshot, cells: number): Buffer {
  const body = Buffer.alloc(bitmapBytes(cells));
  // The board may have shrunk since the page was read.
  body.set(cropUpdate(snapshot, cells).bits);
  return body;
}
