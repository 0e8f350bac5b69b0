/*
 * What is wrong with the layout of a page: boxes that overlap, leave the window, or are cut off. It judges what is seen:
 * controls, lines of text, and what floats over the board. A dialog and an open panel are above the rest, so each is
 * judged by itself.
 */

import type { Frame, Page } from "playwright-core";

/** Of each two, none may cover the other. */
const FLOATS =
  ".header, .site-header, .access, .tools, .fill-status, .overview, .replay, .message, .welcome, .cell-note, .more, .pane";
const CONTROLS =
  "button, input:not([data-cell]), select, progress, summary, a, output, iframe, canvas.minimap, svg[role]";
/** Elements whose text may end with an ellipsis. */
const SHORTENED = "h1, .message, [data-fact=own] dd";

export function layoutFaults(page: Page | Frame): Promise<string[]> {
  return page.evaluate(
    async ([floats, controls, shortened]) => {
      // The app may answer to a new size in the next frame.
      for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
      const SLACK_PX = 1;
      const faults: string[] = [];
      const above = document.querySelector("dialog:modal") ?? document.querySelector(".more:popover-open");
      const root = above ?? document.body;
      const doesScroll = document.documentElement.scrollHeight > innerHeight + SLACK_PX;

      /** The part of a box that its ancestors do not clip. */
      const seen = (element: Element, { left, top, right, bottom }: DOMRect) => {
        const box = { left, top, right, bottom };
        for (let over: Element | null = element; over && over !== document.body; over = over.parentElement) {
          if (getComputedStyle(over).overflow === "visible") continue;
          const clip = over.getBoundingClientRect();
          box.left = Math.max(box.left, clip.left);
          box.top = Math.max(box.top, clip.top);
          box.right = Math.min(box.right, clip.right);
          box.bottom = Math.min(box.bottom, clip.bottom);
        }
        return box;
      };
      const isSeen = (element: Element) =>
        element.checkVisibility({ visibilityProperty: true }) && !element.closest(".for-screen-readers, noscript");
      const nameOf = (element: Element) =>
        `${element.localName}${element.className && typeof element.className === "string" ? `.${element.className.split(" ")[0]}` : ""} “${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 24)}”`;
      const entry = (element: Element, rect: DOMRect) => ({ element, name: nameOf(element), box: seen(element, rect) });
      type Entry = ReturnType<typeof entry>;
      const isLarge = ({ box }: Pick<Entry, "box">) => box.right - box.left > 1.5 && box.bottom - box.top > 1.5;

      const parts: Entry[] = [];
      for (const element of root.querySelectorAll(controls)) {
        if (isSeen(element)) parts.push(entry(element, element.getBoundingClientRect()));
      }
      const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const element = text.parentElement;
        if (!element || !text.textContent?.trim() || !isSeen(element) || element.closest("option")) continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        const control = element.closest(controls);
        for (const line of range.getClientRects()) {
          const { box } = entry(element, line);
          if (!control) parts.push({ element, name: nameOf(element), box });
          else if (line.right > control.getBoundingClientRect().right + SLACK_PX && isLarge({ box }))
            faults.push(`${nameOf(control)} is narrower than its text`);
        }
        const { overflowX } = getComputedStyle(element);
        if (overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1 && !element.matches(shortened))
          if (element.clientWidth > 2 && !element.closest("[aria-hidden]"))
            faults.push(`${nameOf(element)} is cut off`);
      }
      const areas = [...document.querySelectorAll(floats)]
        // A panel leaves the header free. A dialog covers everything.
        .filter(
          (element) => isSeen(element) && (!above || (above.matches(".more") && element.matches(".more, .header"))),
        )
        .map((element) => entry(element, element.getBoundingClientRect()));

      const isOver = ({ box: one, element }: Entry, { box: other, element: second }: Entry) =>
        !element.contains(second) &&
        !second.contains(element) &&
        one.left < other.right - SLACK_PX &&
        other.left < one.right - SLACK_PX &&
        one.top < other.bottom - SLACK_PX &&
        other.top < one.bottom - SLACK_PX;
      for (const list of [parts.filter(isLarge), areas.filter(isLarge)]) {
        for (const [index, one] of list.entries()) {
          for (const other of list.slice(index + 1)) {
            if (isOver(one, other)) faults.push(`${one.name} and ${other.name} overlap`);
          }
          const { left, top, right, bottom } = one.box;
          const isInside =
            left >= -SLACK_PX &&
            right <= innerWidth + SLACK_PX &&
            (doesScroll || (top >= -SLACK_PX && bottom <= innerHeight + SLACK_PX));
          if (!isInside) faults.push(`${one.name} is not in the window`);
        }
      }
      if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
      return [...new Set(faults)];
    },
    [FLOATS, CONTROLS, SHORTENED] as const,
  );
}
