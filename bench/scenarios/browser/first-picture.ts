/*
 * Question: what does a first look at a board cost, in time and bytes, until the frame of the app
 * is painted, and until all that is in sight is drawn? On this computer, on one with a sixth of the
 * processor, and over a line of 400 kbit/s.
 *
 * The times are the browser's own: from the start of the navigation.
 */

import type { Browser } from "playwright-core";
import { createNamespace, whyNoNamespaces } from "../../../test/support/network-namespace.js";
import { atMost, type Finding, median, type Scenario, type Settings, type Target } from "../../load/outcome.js";
import { type Seeded, withBoards } from "./boards.js";
import { openPage, READY, type Slowdown } from "./opened-page.js";

interface Look {
  readonly board: string;
  readonly cells: number;
  readonly view: "first" | "whole";
  readonly device: Device;
  /** Most milliseconds until all in sight is drawn. */
  readonly msMax?: number;
}

type Device = "this computer" | "6 × slower CPU" | "400 kbit/s";

const MILLION = { board: "million", cells: 1_000_000 };
const TEN_THOUSAND = { board: "ten-thousand", cells: 10_000 };
const LINE = { kilobits: 400, queueMs: 1_000 };

const LOOKS: readonly Look[] = [
  { board: "small", cells: 100, view: "first", device: "this computer" },
  { ...TEN_THOUSAND, view: "first", device: "this computer" },
  { ...TEN_THOUSAND, view: "first", device: "6 × slower CPU", msMax: 1_500 },
  ...(["first", "whole"] as const).flatMap((view): Look[] => [
    { ...MILLION, view, device: "this computer", msMax: 1_000 },
    { ...MILLION, view, device: "6 × slower CPU", msMax: 2_000 },
    { ...MILLION, view, device: "400 kbit/s", msMax: 3_000 },
  ]),
  { board: "billion", cells: 1_000_000_000, view: "whole", device: "this computer" },
];

export const firstPicture: Scenario = {
  name: "first-picture",
  question: "What does a first look at a board cost in the browser, in time and bytes?",
  run: async (settings) => {
    const looks = settings.isQuick ? LOOKS.filter(({ board }) => board !== "billion") : LOOKS;
    const isOverLine = ({ device }: Look) => device === "400 kbit/s";
    const near = looks.filter((look) => !isOverLine(look));
    const found = await withBoards(boardsOf(near), (seeded) => lookAtAll(near, seeded, settings));
    const far = await overLine(looks.filter(isOverLine), settings);
    const all = looks.map((look) => found.get(look) ?? far.found.get(look));
    return {
      method: `Chromium, 1280 × 800, software rendering; boards full of noise, medians of ${roundsOf(settings)} looks with an empty browser profile. Times are from the start of the navigation. The slower CPU is Chromium's emulation for the app's process. The line of 400 kbit/s is a token bucket in each direction between two network namespaces, with a queue of ${LINE.queueMs} ms.`,
      columns: {
        cells: "cells",
        view: "view",
        device: "on",
        firstPaintMs: "first paint, ms",
        drawnMs: "everything in sight is drawn, ms",
        boardBytes: "bytes of the board by then",
        appBytes: "bytes of the app",
      },
      rows: looks.map(({ cells, view, device }, index) => ({ cells, view, device, ...all[index] })),
      targets: looks.flatMap((look, index) => targetsOf(look, all[index])),
      notes: far.notes,
    } satisfies Finding;
  },
};

function targetsOf({ cells, view, device, msMax }: Look, picture: Picture | undefined): Target[] {
  if (msMax === undefined) return [];
  const where = `${cells.toLocaleString("en-US")} boxes, ${view} view, ${device}`;
  return [
    atMost(msMax, "ms", `first paint: ${where}`, picture?.firstPaintMs ?? null),
    atMost(msMax, "ms", `everything in sight drawn: ${where}`, picture?.drawnMs ?? null),
  ];
}

/** Needs Linux, root and `tc`. Without them, these looks are left out, and their targets missed. */
async function overLine(looks: readonly Look[], settings: Settings) {
  const why = whyNoNamespaces();
  if (why !== undefined) return { found: new Map<Look, Picture>(), notes: [`Not measured at 400 kbit/s: ${why}.`] };
  const network = await createNamespace();
  try {
    await network.shape(LINE.kilobits, LINE.queueMs);
    const found = await withBoards(boardsOf(looks), (seeded) => lookAtAll(looks, seeded, settings), network);
    return { found, notes: [] };
  } finally {
    await network.remove();
  }
}

function boardsOf(looks: readonly Look[]): ReadonlyMap<string, number> {
  return new Map(looks.map(({ board, cells }) => [board, cells]));
}

function roundsOf({ isQuick }: Settings): number {
  return isQuick ? 3 : 7;
}

interface Picture {
  readonly firstPaintMs: number;
  readonly drawnMs: number;
  /** Bytes of WebSocket frames, without their headers. */
  readonly boardBytes: number;
  /** Compressed bytes over HTTP: document, script, style. */
  readonly appBytes: number;
}

async function lookAtAll(looks: readonly Look[], { browser, url }: Seeded, settings: Settings) {
  // The instance's first answers compile its code, and compress the document.
  for (const look of looks) await lookAt(browser, url, look);
  const found = new Map<Look, Picture>();
  for (const look of looks) {
    settings.tell(`${look.cells} boxes, ${look.view} view, ${look.device}`);
    const pictures: Picture[] = [];
    for (let round = 0; round < roundsOf(settings); round++) pictures.push(await lookAt(browser, url, look));
    const middle = (key: keyof Picture) => Math.round(median(pictures.map((picture) => picture[key])));
    found.set(look, {
      firstPaintMs: middle("firstPaintMs"),
      drawnMs: middle("drawnMs"),
      boardBytes: middle("boardBytes"),
      appBytes: middle("appBytes"),
    });
  }
  return found;
}

async function lookAt(browser: Browser, url: string, { board, view, device }: Look): Promise<Picture> {
  const slowdown: Slowdown = device === "6 × slower CPU" ? 6 : 1;
  const { page, session, close } = await openPage(browser, slowdown);
  let appBytes = 0;
  let boardBytes = 0;
  await session.send("Network.enable");
  session.on("Network.webSocketFrameReceived", ({ response: { opcode, payloadData } }) => {
    boardBytes += opcode === 1 ? payloadData.length : (payloadData.length * 3) / 4;
  });
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    appBytes += encodedDataLength;
  });
  const drawn = new Promise<{ firstPaintMs: number; drawnMs: number; boardBytes: number }>((done) => {
    void page.exposeFunction("drawn", (firstPaintMs: number, drawnMs: number) =>
      done({ firstPaintMs, drawnMs, boardBytes }),
    );
  });
  await page.addInitScript(tellDrawn, READY);
  await page.goto(`${url}/?board=${board}${view === "whole" ? "#all" : ""}`);
  const times = await drawn;
  await close();
  return { ...times, appBytes };
}

/** Calls `drawn` at the second frame after all in sight was drawn: the first is then on the screen. */
function tellDrawn(ready: string): void {
  const look = () => {
    if (document.querySelector(ready) === null) requestAnimationFrame(look);
    else requestAnimationFrame(() => requestAnimationFrame(tell));
  };
  const tell = (nowMs: number) => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    Reflect.get(window, "drawn")(paint?.startTime, nowMs);
  };
  requestAnimationFrame(look);
}
