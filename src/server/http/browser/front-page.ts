/*
 * The document of the app, with a head for the board that the address names. Programs that preview
 * links run no script, so the instance writes the title, the description and the picture's address.
 * A board that not everyone may view gets the head of no board.
 *
 * The frame that is shown before the script arrives is styled inside the document. The document's
 * policy allows that style, and no other, by its hash.
 */

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Request, RequestHandler, Response } from "express";
import { keepNewest } from "../../../board/keep-newest.js";
import { countOf } from "../../../protocol/count.js";
import { ANYBODY } from "../../access/access.js";
import { parseOrigin } from "../../access/origin.js";
import type { Instance } from "../../instance/instance.js";
import type { HostedBoard } from "../../pages/pages.js";
import { PREVIEW } from "../pictures/preview.js";
import { type Coding, codingsFor, compress } from "../requests/codings.js";

/** As in src/web/address/query.ts. */
const BOARD_DEFAULT = "main";
/** Most documents kept: boards × origins × codings, about 2 KB each. */
const KEPT_MAX = 256;
const POLICY = "Content-Security-Policy";

export interface FrontPageOptions {
  /** How the app reads boards that everyone may view. */
  readonly view: "live" | "feed";
  readonly pageFolder: string;
  readonly basePath: string;
}

export function frontPage(instance: Instance, { pageFolder, basePath, view }: FrontPageOptions): RequestHandler {
  const template = new Template(join(pageFolder, "index.html"));
  const bodies = new Map<string, Promise<Buffer>>();
  return async (request, response) => {
    const { html, styles } = await template.read();
    const { board: asked } = request.query;
    const board = instance.boards.get(typeof asked === "string" && asked !== "" ? asked : BOARD_DEFAULT);
    const isPublic = board !== undefined && instance.access.may(ANYBODY, board.name, "view");
    const head = isPublic ? headOf(board, originOf(request), basePath) : "";
    const titled = head === "" ? html : html.replace(/<title>[^<]*<\/title>/, () => head);
    const text = isPublic && view === "feed" ? titled.replace("<html", '<html data-view="feed"') : titled;
    const [coding] = codingsFor(request);
    const hash = createHash("sha256").update(text).digest("base64url");
    const key = `${coding} ${hash}`;
    const body = bodies.get(key) ?? encode(text, coding);
    bodies.delete(key);
    bodies.set(key, body);
    keepNewest(bodies, KEPT_MAX);
    const bytes = await body.catch((error: unknown) => {
      bodies.delete(key);
      throw error;
    });
    allow(response, styles);
    response
      .vary("Accept-Encoding")
      .set({ ETag: `W/"${hash}"`, "Cache-Control": "no-cache" })
      .type("html");
    if (coding) response.set("Content-Encoding", coding);
    response.send(bytes);
  };
}

function encode(text: string, coding: Coding | undefined): Promise<Buffer> {
  const body = Buffer.from(text);
  return coding ? compress(body, coding) : Promise.resolve(body);
}

function headOf({ name, size }: HostedBoard, origin: string | undefined, basePath: string): string {
  const title = `${name} · SocketScaler`;
  const boxes = countOf(size, "checkbox", "checkboxes");
  const description = `${boxes} that everyone shares, live. Check one, and it is checked for everyone.`;
  const home = origin === undefined ? undefined : `${origin}${basePath}/`;
  const properties: readonly (readonly [string, string | undefined])[] = [
    ["og:type", "website"],
    ["og:site_name", "SocketScaler"],
    ["og:title", `${name}: a board of ${boxes}`],
    ["og:description", description],
    ["og:url", home && (name === BOARD_DEFAULT ? home : `${home}?board=${name}`)],
    ["og:image", home && `${home}boards/${name}/preview.png`],
    ["og:image:type", home && "image/png"],
    ["og:image:width", home && String(PREVIEW.width)],
    ["og:image:height", home && String(PREVIEW.height)],
    ["og:image:alt", home && `The board ${name}, with its checked boxes filled in`],
  ];
  const tags = properties.map(([property, content]) =>
    content === undefined ? [] : [`<meta property="${property}" content="${escaped(content)}" />`],
  );
  return [
    `<title>${escaped(title)}</title>`,
    ...tags.flat(),
    '<meta name="twitter:card" content="summary_large_image" />',
  ].join("\n    ");
}

/**
 * The origin that the user's browser sees, as the trusted proxies say (TRUSTED_PROXIES). Undefined
 * if the Host header names none.
 */
function originOf(request: Request): string | undefined {
  return parseOrigin(`${request.protocol}://${request.host}`);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Allows these styles in the document, by their hashes. */
function allow(response: Response, styles: readonly string[]): void {
  const policy = String(response.getHeader(POLICY) ?? "");
  response.set(POLICY, policy.replace("style-src 'self'", ["style-src 'self'", ...styles].join(" ")));
}

interface Document {
  readonly html: string;
  /** The sources of its styles for the policy. */
  readonly styles: readonly string[];
}

/** The built document, read again after a build. */
class Template {
  readonly #path: string;
  #readMs: number | undefined;
  #document: Document = { html: "", styles: [] };

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Document> {
    const { mtimeMs } = await stat(this.#path);
    if (mtimeMs !== this.#readMs) {
      const html = await readFile(this.#path, "utf8");
      const styles = Array.from(html.matchAll(/<style>([^<]*)<\/style>/g), ([, style = ""]) => {
        return `'sha256-${createHash("sha256").update(style).digest("base64")}'`;
      });
      this.#document = { html, styles };
      this.#readMs = mtimeMs;
    }
    return this.#document;
  }
}
