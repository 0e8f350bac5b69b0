/*
 * Runs axe-core in a page, with all rules of WCAG 2.2 A and AA and its best practices. Some results it leaves to a
 * person. These are judged here by rules, so that a new one fails: contrast that it cannot compute because something lies
 * behind the text, and the size of the board's boxes.
 */

import axe from "axe-core";
import type { Page } from "playwright-core";

/** The rows of a board are alike. A thousand boxes would take axe half a minute. */
const LEFT_OUT = ".cells > [role=row]:nth-child(n + 4)";
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

interface Report {
  /** Violations, and incomplete results that are not judged. */
  readonly faults: string[];
  /** Rules with incomplete results that were judged, and how. */
  readonly judged: string[];
}

export async function runAxe(page: Page): Promise<Report> {
  for (const frame of page.frames()) await frame.evaluate(axe.source);
  return page.evaluate(
    async ([leftOut, tags]) => {
      interface Found {
        readonly id: string;
        readonly nodes: readonly { readonly target: readonly string[]; readonly html: string }[];
      }
      type Run = (
        context: unknown,
        options: unknown,
      ) => Promise<{ readonly violations: Found[]; readonly incomplete: Found[] }>;
      const { run } = Reflect.get(window, "axe") as { readonly run: Run };
      const results = ["violations", "incomplete"];
      const { violations, incomplete } = await run(
        { include: document, exclude: leftOut },
        { runOnly: { type: "tag", values: tags }, resultTypes: results },
      );

      /** The last selector is the element's, and those before lead through frames. */
      const elementAt = (target: readonly string[]) => {
        let root: Document | null | undefined = document;
        for (const selector of target.slice(0, -1)) {
          const frame: Element | null | undefined = root?.querySelector(selector);
          root = frame instanceof HTMLIFrameElement ? frame.contentDocument : undefined;
        }
        return root?.querySelector(target.at(-1) ?? "");
      };
      const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
      const luminance = (color: string) => {
        const [red = 0, green = 0, blue = 0] = channels(color).map((value) =>
          value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const groundOf = (element: Element | null): string => {
        if (!element) return "rgb(255, 255, 255)";
        const { backgroundColor } = getComputedStyle(element);
        const [, , , alpha = 1] = channels(backgroundColor);
        return alpha < 1 ? groundOf(element.parentElement) : backgroundColor;
      };
      const hasContrast = (element: Element) => {
        const [one = 0, other = 0] = [getComputedStyle(element).color, groundOf(element)].map(luminance);
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) >= 4.5;
      };
      const judge = (id: string, element: Element): string | undefined => {
        if (id === "color-contrast" && hasContrast(element)) return "its own opaque background gives at least 4.5";
        return id === "target-size" && element.matches("[data-cell]") ? "a box of the board" : undefined;
      };

      const faults = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
      const judged = new Set<string>();
      for (const { id, nodes } of incomplete) {
        for (const { target, html } of nodes) {
          const element = elementAt(target);
          const verdict = element ? judge(id, element) : undefined;
          if (verdict === undefined) faults.push(`to be judged: ${id}: ${html}`);
          else judged.add(`${id}: ${verdict}`);
        }
      }
      return { faults, judged: [...judged] };
    },
    [LEFT_OUT, TAGS] as const,
  );
}
