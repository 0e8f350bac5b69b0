/*
 * Messages as dots that travel at a readable speed. A click takes a few milliseconds in reality, so
 * the stages of its way are shown one after the other:
 *
 *     write ──HOP_MS──► commit ──HOP_MS──► news, copy ──HOP_MS──► frame
 *
 * A part shows the change when its dot arrives. Times in the results are real.
 */

import type { Hop, HopKind } from "../../protocol/lab.js";
import { type Place, placeOf } from "./places.js";

const HOP_MS = 480;
const STAGE: Readonly<Record<HopKind, number>> = { write: 0, commit: 1, news: 2, lost: 2, copy: 2, frame: 3 };
/** When the effect of a change is shown at these, in stages after the click. */
export const SHOWN_AT = { primary: 2, replica: 3, instances: 3, browsers: 4 };
const DOTS_MAX = 90;
const SVG = "http://www.w3.org/2000/svg";

const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
export const stageMs = (stage: number) => (isStill ? 0 : stage * HOP_MS);

/** Scrolls to `element`, unless all of it can be seen. */
export function bringIntoView(element: Element): void {
  const { top, bottom } = element.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  element.scrollIntoView({ block: "start", behavior: isStill ? "instant" : "smooth" });
}

/** Draws the hops of one side into `layer`. */
export function animate(layer: SVGGElement, hops: readonly Hop[], side: string, primary: string): void {
  if (isStill || document.hidden) return;
  for (const hop of hops) {
    const isHere = hop.kind === "copy" || [hop.from, hop.to].some((part) => part.startsWith(`${side}.`));
    if (!isHere || layer.childElementCount >= DOTS_MAX) continue;
    const [from, to] = [placeOf(hop.from, primary), placeOf(hop.to, primary)];
    travel(layer, hop, hop.kind === "copy" ? { ...from, y: from.y + 20 } : from, to);
  }
}

function travel(layer: SVGGElement, { kind, label, count }: Hop, from: Place, to: Place): void {
  const dot = document.createElementNS(SVG, "g");
  dot.setAttribute("class", `dot ${kind}`);
  const circle = document.createElementNS(SVG, "circle");
  circle.setAttribute("r", count > 1 ? "7" : "5");
  const text = document.createElementNS(SVG, "text");
  text.setAttribute("y", "3");
  text.setAttribute("text-anchor", "middle");
  text.textContent = count > 1 ? String(count) : "";
  const title = document.createElementNS(SVG, "title");
  title.textContent = label;
  dot.append(circle, text, title);
  layer.append(dot);
  const isLost = kind === "lost";
  const at = (share: number, opacity: number) => ({
    transform: `translate(${from.x + (to.x - from.x) * share}px, ${from.y + (to.y - from.y) * share}px)`,
    opacity,
  });
  const path = isLost ? [at(0, 1), at(0.5, 1), at(0.5, 1), at(0.55, 0)] : [at(0, 1), at(1, 1)];
  const timing = { duration: isLost ? 2 * HOP_MS : HOP_MS, delay: stageMs(STAGE[kind]), fill: "both" as const };
  const run = dot.animate(path, { ...timing, easing: "ease-in-out" });
  // Until its stage comes, it would lie on the part that sends it.
  dot.style.visibility = "hidden";
  setTimeout(() => {
    dot.style.visibility = "visible";
  }, timing.delay);
  run.finished.then(
    () => dot.remove(),
    () => dot.remove(),
  );
}
