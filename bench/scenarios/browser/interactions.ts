/*
 * Question: how long after a click, a key or a drag is the next frame on the screen, while 1,000
 * cells change every second?
 *
 * Input goes through the browser as from a mouse and a keyboard. The browser itself measures each
 * interaction (Event Timing), and "interaction to next paint" is one of the longest: of each 50,
 * the longest is left out. A bare page, which only changes a text, gets the same input.
 */

import type { Page } from "playwright-core";
import { connect } from "../../../src/client/index.js";
import { Random } from "../../../test/support/random.js";
import type { Scenario, Value } from "../../load/outcome.js";
import { APP, BARE, showBareButton } from "./bare-page.js";
import { withBoards } from "./boards.js";
import { openPage, SLOWDOWNS, showBoard, worstAtMost } from "./opened-page.js";
import { CHANGES_PER_SECOND, changeCells } from "./panning.js";

const MILLION = 1_000_000;
const ZOOMS = [2, 8, 40];
const ROUND_SECONDS_MAX = 20;
/** Between two interactions: as fast as a hurried user. */
const PAUSE_MS = 80;
/** Shorter ones are not reported by the browser. */
const REPORTED_MS_MIN = 16;
/** Most milliseconds of an interaction, by slowdown. */
const INP_MS_MAX = { 1: 100, 6: 200 };

export const interactions: Scenario = {
  name: "interactions",
  question: "How long do clicks, keys and drags wait for their frame, while 1,000 cells change every second?",
  run: ({ isQuick, tell }) =>
    withBoards(new Map([["million", MILLION]]), async ({ browser, url, surroundings }) => {
      const rounds = isQuick ? 1 : 4;
      using client = connect(url);
      const board = client.board("million");
      await board.ready;
      const rows: { page: string; slowdown: number; inp: number; [key: string]: Value }[] = [];
      for (const slowdown of SLOWDOWNS) {
        const { page, close } = await openPage(browser, slowdown);
        await page.addInitScript(observe, REPORTED_MS_MIN);
        for (const zoom of [...ZOOMS, undefined]) {
          tell(`${zoom === undefined ? BARE : `${zoom} px per cell`}, ${slowdown} × slower CPU`);
          const found = new Map<string, number>();
          for (let round = 0; round < rounds; round++) {
            if (zoom === undefined) await showBareButton(page);
            else await showBoard(page, `${url}/?board=million#cell=200000&zoom=${zoom}`);
            const stopped = new AbortController();
            const writing = changeUntil(board, stopped.signal);
            await interact(page, new Random(round));
            stopped.abort();
            await writing;
            for (const [id, { name, ms }] of await readObserved(page)) found.set(`${round} ${id} ${name}`, ms);
          }
          const ms = [...found.values()].toSorted((one, other) => other - one);
          const count = rounds * INTERACTIONS;
          const [longest] = [...found].toSorted(([, one], [, other]) => other - one);
          rows.push({
            page: zoom === undefined ? BARE : APP,
            slowdown,
            zoom: zoom ?? null,
            interactions: count,
            // Those that were not reported are shorter than any other.
            p75: ms[Math.floor(count / 4)] ?? REPORTED_MS_MIN,
            inp: ms[Math.floor(count / 50)] ?? REPORTED_MS_MIN,
            max: ms[0] ?? REPORTED_MS_MIN,
            longest: longest?.[0].split(" ")[2] ?? "-",
          });
        }
        await close();
      }
      return {
        method: `${surroundings}. ${CHANGES_PER_SECOND} changes/s. ${INTERACTIONS} interactions in ${rounds} rounds at each zoom: clicks, keys, strokes and drags with each tool, undo, zooms. The slower CPU is Chromium's emulation for the app's process. The browser rounds durations to 8 ms and reports none below ${REPORTED_MS_MIN} ms. The bare page changes one text for each key and press, and does nothing else.`,
        columns: {
          page: "page",
          slowdown: "CPU slowdown, ×",
          zoom: "px per cell",
          interactions: "interactions",
          p75: "p75, ms",
          inp: "interaction to next paint, ms",
          max: "longest, ms",
          longest: "the longest is a",
        },
        rows,
        targets: worstAtMost(
          INP_MS_MAX,
          "interaction to next paint at any zoom",
          rows.filter(({ page }) => page === APP).map(({ slowdown, inp }) => ({ slowdown, ms: inp })),
        ),
      };
    }),
};

async function changeUntil(board: Parameters<typeof changeCells>[0], stopped: AbortSignal): Promise<void> {
  for (let second = 0; second < ROUND_SECONDS_MAX && !stopped.aborted; second++) await changeCells(board, 1);
}

/** Keys and buttons pressed in one round. */
const INTERACTIONS = 38;

async function interact(page: Page, random: Random): Promise<void> {
  const place = () => ({ x: random.whole(200, 1_000), y: random.whole(200, 650) });
  const rest = () => page.waitForTimeout(PAUSE_MS);
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) {
      await page.keyboard.press(key);
      await rest();
    }
  };
  const click = async () => {
    const { x, y } = place();
    await page.mouse.click(x, y);
    await rest();
  };
  const stroke = async () => {
    const [from, to] = [place(), place()];
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 8 });
    await page.mouse.up();
    await rest();
  };
  for (let at = 0; at < 5; at++) await click();
  await press("ArrowRight", "ArrowRight", "ArrowDown", "Space", "Shift+ArrowRight", "Shift+ArrowDown");
  await stroke();
  await press("d");
  for (let at = 0; at < 3; at++) await stroke();
  await press("e");
  await stroke();
  await press("r");
  await stroke();
  await press("Control+z", "Control+y", "c");
  await stroke();
  await press("Control+z", "Escape", "m", "-", "-", "+", "+", "0", "+", "+");
  for (let at = 0; at < 2; at++) await click();
  await press("?", "Escape");
}

/** Keeps the longest event of each interaction in the page. */
function observe(durationThreshold: number): void {
  const observed = new Map<number, { name: string; ms: number }>();
  Reflect.set(window, "observed", observed);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const id: number = Reflect.get(entry, "interactionId");
      if (id > 0 && entry.duration > (observed.get(id)?.ms ?? 0))
        observed.set(id, { name: entry.name, ms: entry.duration });
    }
  }).observe({ type: "event", durationThreshold, buffered: true } as PerformanceObserverInit);
}

function readObserved(page: Page): Promise<(readonly [number, { readonly name: string; readonly ms: number }])[]> {
  return page.evaluate(async () => {
    // The browser reports an event after the frame that follows it.
    await new Promise((done) => setTimeout(done, 200));
    return [...Reflect.get(window, "observed")];
  });
}
