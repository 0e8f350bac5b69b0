/*
 * The states of the app: each with the way to it, from a real instance. The test of its layout goes through them, and so
 * do the screenshots of every state.
 */

import assert from "node:assert/strict";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { connect } from "../../src/client/index.js";
import type { Flags } from "../../src/server/config.js";
import { type LocalInstance, startInstance } from "./instances.js";
import { until } from "./until.js";

const BOARDS =
  "main=100,heart=100,hall=1000,field=10000,empty=1000000,million=1000000,billion=1000000000,fill=1000000,kept=1000000,seats=100,wall=100,private=100";
const FLAGS = {
  BOARDS,
  INSTANCE_NAME: "instance 1",
  HISTORY: "2h",
  HTTP_PER_MINUTE: "100000",
  ACCESS: "open,wall=read-only,private=token",
  JWT_SECRET: "a secret of at least thirty-two bytes",
  CLAIMS: "seats=5m",
};
/** So slow that a fill is still in progress when everything has been looked at. */
const SLOW = { WRITES_PER_SECOND: "2", WRITE_BURST: "100" };
const FAST = { WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

/** Texts that disappear by themselves: for 6 s a note at a cell, for 8 s one in the line below. */
const SHOWN_MS = [6_000, 8_000];
const MIDDLE = 40_000;
const PITCH_PX = 12;

/** A heart: each string is a row of the 10 × 10 board. */
export const HEART = [
  ...["..........", "..##..##..", ".########.", ".########.", ".########."],
  ...["..######..", "...####...", "....##....", "..........", ".........."],
];

interface Visit {
  readonly url: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** An instance of its own over the same store, which the state may stop. */
  readonly another: (flags?: Flags) => Promise<LocalInstance>;
}

type Place = Pick<Visit, "url" | "page">;

export interface AppState {
  readonly name: string;
  readonly open: (visit: Visit) => Promise<void>;
  /** Call it after each change of the size: it restores what the app has opened or closed by itself. */
  readonly hold?: (page: Page) => Promise<void>;
  /** Whether it has the same controls as another state. */
  readonly isAlike?: boolean;
  /** Whether the app greets the visitor. */
  readonly isFirstVisit?: boolean;
}

const field = (page: Page, name: string) => page.getByTestId(name);

async function openBoard({ url, page }: Place, address: string): Promise<void> {
  await page.goto(`${url}/?board=${address}`);
  await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
  await until("the boxes are counted", async () =>
    /\d/.test((await field(page, "status-checked").textContent()) ?? ""),
  );
}

/** Presses in the middle of the board, and lifts so many pixels to the right and below. */
async function drag(page: Page, across: number, down: number): Promise<void> {
  const box = await field(page, "canvas").boundingBox();
  assert.ok(box);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x - across / 2, y - down / 2);
  await page.mouse.down();
  await page.mouse.move(x + across / 2, y + down / 2);
  await page.mouse.up();
}

/** Opens the board in the middle of a page, and fills a rectangle that takes long. */
async function fill(visit: Place, board: string): Promise<void> {
  await openBoard(visit, `${board}#cell=${MIDDLE}&zoom=${PITCH_PX}`);
  await field(visit.page, "tool-fill").click();
  await drag(visit.page, 20 * PITCH_PX, 16 * PITCH_PX);
}

async function openNumber(page: Page): Promise<void> {
  // In a wide window it is in the header.
  await field(page, "more-panel").evaluate((panel) => {
    if (panel instanceof HTMLElement) panel.togglePopover(!matchMedia("(min-width: 60rem)").matches);
  });
  const number = field(page, "go-to-number").filter({ visible: true });
  await number.fill("123456789");
  await number.press("Enter");
}

export const STATES: readonly AppState[] = [
  {
    name: "loading",
    open: async ({ url, page }) => {
      await page.route("**/assets/**", (route) => route.abort());
      await page.goto(`${url}/`);
      await page.getByText("Loading the board …").waitFor();
    },
  },
  {
    name: "first visit",
    isFirstVisit: true,
    open: async (visit) => {
      await openBoard(visit, "main");
      await field(visit.page, "welcome").waitFor();
    },
  },
  { name: "100 boxes", open: (visit) => openBoard(visit, "heart") },
  { name: "1,000 boxes", isAlike: true, open: (visit) => openBoard(visit, "hall") },
  { name: "10,000 boxes", isAlike: true, open: (visit) => openBoard(visit, "field#all") },
  { name: "an empty million", open: (visit) => openBoard(visit, "empty") },
  { name: "a million", open: (visit) => openBoard(visit, `million#cell=${MIDDLE}&zoom=${PITCH_PX}`) },
  {
    name: "overview",
    open: (visit) => openBoard(visit, "million#all"),
    hold: (page) =>
      field(page, "overview").evaluate((details) => {
        if (details instanceof HTMLDetailsElement) details.open = true;
      }),
  },
  { name: "a billion", isAlike: true, open: (visit) => openBoard(visit, "billion#all") },
  {
    name: "replay",
    open: async (visit) => {
      await openBoard(visit, `million#cell=${MIDDLE}&zoom=${PITCH_PX}`);
      await field(visit.page, "replay-open").click();
      await field(visit.page, "replay-close").waitFor();
    },
  },
  {
    name: "keys",
    open: async (visit) => {
      await openBoard(visit, "heart");
      await field(visit.page, "keys-open").click();
      await field(visit.page, "keys-close").waitFor();
    },
  },
  {
    name: "connection and boards",
    open: async (visit) => {
      await openBoard(visit, "heart");
      await field(visit.page, "more").click();
      await field(visit.page, "boards").waitFor();
    },
  },
  { name: "a wrong number", open: (visit) => openBoard(visit, "heart"), hold: openNumber },
  {
    name: "fill in progress",
    open: async (visit) => {
      await fill(visit, "fill");
      await field(visit.page, "fill-status")
        .getByText(/^1\d\d of/)
        .waitFor();
    },
  },
  {
    name: "kept changes",
    open: async (visit) => {
      const { page, context, another } = visit;
      const { url } = await another({ WRITES_PER_SECOND: "20", WRITE_BURST: "100" });
      await fill({ url, page }, "kept");
      await field(page, "fill-status")
        .getByText(/^1\d\d of/)
        .waitFor();
      await page.waitForFunction(() =>
        Object.keys(localStorage).some((key) => key.startsWith("socketscaler.changes|")),
      );
      await page.close();
      const next = await context.newPage();
      await openBoard({ url, page: next }, `kept#cell=${MIDDLE}&zoom=${PITCH_PX}`);
      await next.getByText("from your last visit").first().waitFor();
    },
  },
  {
    name: "view only, and a refusal",
    open: async (visit) => {
      await openBoard(visit, "wall");
      await visit.page.locator('input[data-cell="44"]').click({ force: true });
      await field(visit.page, "refusal-note").waitFor();
    },
  },
  {
    name: "another token",
    open: async (visit) => {
      await openBoard(visit, "wall");
      await field(visit.page, "access-open").click();
    },
  },
  {
    name: "a private board",
    open: async ({ url, page }) => {
      await page.goto(`${url}/?board=private`);
      await field(page, "token").waitFor();
      await field(page, "absence").waitFor();
    },
  },
  {
    name: "an unknown board",
    open: async ({ url, page }) => {
      await page.goto(`${url}/?board=nowhere`);
      await field(page, "boards").filter({ visible: true }).waitFor();
    },
  },
  {
    name: "connection lost",
    open: async ({ page, another }) => {
      const instance = await another();
      await openBoard({ url: instance.url, page }, "heart");
      await instance.stop();
      await page.getByTestId("message").filter({ hasText: "Connection lost" }).waitFor();
    },
  },
  {
    name: "claims",
    open: async (visit) => {
      await openBoard(visit, "seats");
      await visit.page.locator('input[data-cell="43"]').focus();
      await visit.page.keyboard.press("ArrowRight");
      await visit.page.keyboard.press("Space");
      await field(visit.page, "hold-note").filter({ hasText: "left" }).waitFor();
    },
  },
  {
    name: "demo",
    open: async ({ url, page }) => {
      await page.goto(`${url}/demo?board=heart`);
      for (const frame of page.frames().slice(1))
        await frame.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    },
  },
  {
    name: "cluster",
    open: async ({ url, page }) => {
      await page.goto(`${url}/cluster`);
      await field(page, "cluster-instance").first().waitFor();
    },
  },
];

export interface StateSite {
  /** A page in this state. Close its context in the end. */
  open(state: AppState, options?: BrowserContextOptions): Promise<Page>;
  stop(): Promise<void>;
}

/** Instances with boards that have content, over a store in this folder. `browser` opens them. */
export async function startStates(browser: Browser, folder: string): Promise<StateSite> {
  const instance = await startInstance({ ...FLAGS, ...SLOW, DATA_DIR: folder });
  const others: LocalInstance[] = [];
  const another = async (flags: Flags = {}) => {
    const other = await startInstance(
      { ...FLAGS, INSTANCE_NAME: `instance ${others.length + 2}`, ...flags },
      instance.store,
    );
    others.push(other);
    return other;
  };
  const painter = await another(FAST);
  await paint(painter.url);
  return {
    open: async (state, options = {}) => {
      const context = await browser.newContext({ reducedMotion: "reduce", ...options });
      await context.addInitScript(
        ([shownMs, isFirstVisit]) => {
          if (!isFirstVisit) localStorage.setItem("socketscaler.welcomed", "1");
          const start = setTimeout;
          window.setTimeout = ((act: () => void, ms: number) =>
            shownMs.includes(ms) ? 0 : start(act, ms)) as typeof setTimeout;
        },
        [SHOWN_MS, state.isFirstVisit ?? false] as const,
      );
      context.setDefaultTimeout(10_000);
      const page = await context.newPage();
      await state.open({ url: instance.url, context, page, another });
      // The state may have closed the first page, and opened another.
      return context.pages()[0] ?? page;
    },
    stop: async () => {
      await Promise.all(others.map((other) => other.stop()));
      await instance.stop();
    },
  };
}

async function paint(url: string): Promise<void> {
  const cells: Record<string, number[]> = {
    heart: Array.from(HEART.join("")).flatMap((sign, cell) => (sign === "#" ? [cell] : [])),
    seats: [12, 13, 14, 55, 56],
    hall: Array.from({ length: 300 }, (_, index) => (index * 37) % 1_000),
    field: Array.from({ length: 1_500 }, (_, index) => (index * 61) % 10_000),
    // Around the place that the states show, and on other pages.
    million: Array.from({ length: 3_000 }, (_, index) => MIDDLE - 6_400 + ((index * 17) % 12_800)),
    billion: Array.from({ length: 500 }, (_, index) => index * 1_999_993),
  };
  const client = connect(url);
  const painted = Object.entries(cells).map(([name, own]) =>
    client.board(name).setAll(
      own.map((cell) => [cell, true]),
      { split: true },
    ),
  );
  await Promise.all(painted);
  client.close();
}
