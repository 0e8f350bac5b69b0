/* Makes and connects the parts of a board that draw and listen. */

import type { Plane } from "../../board/plane.js";
import type { Board } from "../../client/index.js";
import { realClock } from "../../protocol/clock.js";
import { parsePlace } from "../address/place-link.js";
import { countdownText, TICK_MS } from "../state/claims.js";
import { type RefusalText, reportRuns } from "../wording/refusals.js";
import { CanvasBoard } from "./canvas-board.js";
import { FocusAnnouncer } from "./focus/announcer.js";
import { FocusCells } from "./focus/cells.js";
import { CellNotes } from "./notes/cell-note.js";
import { linkedCamera, PlaceHistory } from "./place-history.js";

const TOTAL_MS = 500;
/** How often the line below names another box. While the view moves, each frame has one. */
const NAMED_MS = 60;

type PartsElements = Readonly<Record<"surface" | "grid", HTMLElement> & { canvas: HTMLCanvasElement }>;

export interface PartsListener {
  /** The cell that is pointed at, or else the focused one. */
  readonly onNamed: (cell: number | undefined) => void;
  readonly onChecked: (checked: number | undefined) => void;
  readonly onSaid: (text: string) => void;
  readonly onRefused: (text: string, isShown: boolean) => void;
}

export type Parts = ReturnType<typeof makeParts>;

export function makeParts(
  elements: PartsElements,
  board: Board,
  plane: Plane,
  hasTools: boolean,
  listener: PartsListener,
) {
  const { canvas: element, surface } = elements;
  const canvas = new CanvasBoard({ canvas: element, surface, board, plane, start: linkedCamera(plane), hasTools });
  const places = new PlaceHistory(canvas);
  let pointed: number | undefined;
  let naming: ReturnType<typeof setTimeout> | undefined;
  // A press moves the focus twice. Naming each at once would lay out the page before its frame.
  const nameSoon = () => {
    naming ??= setTimeout(() => {
      naming = undefined;
      listener.onNamed(pointed ?? announcer.focused);
    }, NAMED_MS);
  };
  /** The focused cell, if a press gave it the focus. */
  let pressed: number | undefined;
  const announcer = new FocusAnnouncer(realClock, listener.onSaid);
  const focus = new FocusCells(elements.grid, canvas, (cell) => {
    announcer.focused = cell;
    if (cell !== pressed) pressed = undefined;
    nameSoon();
  });
  // A link without a zoom names the cell itself, and not the place in view.
  const linked = parsePlace(location.hash, plane.size);
  if (linked && linked.scale === undefined) focus.focus(linked.cell);
  const notes = new CellNotes(surface, canvas.viewport, (cell) =>
    canvas.replay ? undefined : countdownText(board, cell, Date.now()),
  );
  const report = (refusal: RefusalText) => {
    notes.refuse(refusal.cell, refusal.note);
    listener.onRefused(refusal.text, canvas.viewport.shows(refusal.cell));
  };
  const reportRun = reportRuns(report);
  const followNotes = () => {
    // After a tap, a note would only hide other cells.
    const isByKey = pressed === undefined && document.activeElement?.matches(":focus-visible");
    notes.follow(pointed ?? (isByKey ? announcer.focused : undefined));
  };
  const undo = [
    canvas.on("pointed", (cell) => {
      pointed = cell;
      nameSoon();
    }),
    canvas.on("chosen", (cell) => {
      pressed = cell;
      focus.focus(cell);
    }),
    canvas.on("notDone", report),
    canvas.on("changed", (changes) => announcer.changed(changes)),
    canvas.on("drawn", () => {
      focus.follow();
      followNotes();
      places.moved();
    }),
    board.on("refused", (refused) => {
      canvas.refuse(refused);
      reportRun(refused);
    }),
  ];
  const ticks = board.claims && setInterval(followNotes, TICK_MS);
  const total = setInterval(() => listener.onChecked(canvas.pages.densities.total), TOTAL_MS);
  const close = () => {
    clearInterval(ticks);
    clearInterval(total);
    clearTimeout(naming);
    for (const off of undo) off();
    for (const part of [places, announcer, focus, notes, canvas]) part.close();
  };
  return { canvas, focus, places, close };
}
