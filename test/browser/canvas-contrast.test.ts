/* The canvas for those who set the colours themselves, want more contrast, or no motion. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { type Client, connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { launchChromium } from "../support/browser.js";
import { type Color, colorsAt, contrastOf, isNear, sizeOf, styleColor } from "../support/canvas-pixels.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

const PITCH_PX = 24;
const CHECKED = 40_000;
/** WCAG 1.4.11, for what is no text. */
const CONTRAST_MIN = 3;

type Media = Parameters<Page["emulateMedia"]>[0];

describe("a canvas", () => {
  let browser: Browser;
  let store: EmbeddedStore;
  let instance: LocalInstance;
  let client: Client;

  before(async () => {
    browser = await launchChromium();
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    instance = await startInstance({ BOARDS: "main=1000000" }, store);
    client = connect(instance.url);
    // A checked one with a checked one at its right, and an empty one at its left.
    await Promise.all([CHECKED, CHECKED + 1].map((cell) => client.board("main").set(cell, true)));
  });
  after(async () => {
    client.close();
    await browser.close();
    await instance.stop();
    await store.close();
  });

  async function open(media: Media): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await page.emulateMedia(media);
    await page.goto(`${instance.url}/?board=main#cell=${CHECKED}&zoom=${PITCH_PX}`);
    await page.locator('[data-testid=grid][aria-busy="false"]').waitFor();
    return page;
  }

  /**
   * The colours along the row in the middle, a pixel each, `across` cells from the one in the
   * middle.
   */
  async function rowOf(page: Page, across: number): Promise<Color[]> {
    const { width, height } = await sizeOf(page);
    const left = width / 2 + (across - 0.5) * PITCH_PX;
    return colorsAt(
      page,
      // Below the check, above the corners.
      Array.from({ length: PITCH_PX }, (_, index) => [left + index, height / 2 + PITCH_PX * 0.21]),
    );
  }

  /** Below the check, inside the box. */
  const fillOf = async (page: Page, across: number) => (await rowOf(page, across))[PITCH_PX / 2] ?? [0, 0, 0];

  async function untilFilled(page: Page): Promise<{ readonly checked: Color; readonly empty: Color }> {
    // Ends the mark of the box that the link names.
    await page.keyboard.press("Shift");
    let fills: { readonly checked: Color; readonly empty: Color } | undefined;
    await until("checked boxes stand out", async () => {
      fills = { checked: await fillOf(page, 0), empty: await fillOf(page, -1) };
      return contrastOf(fills.checked, fills.empty) >= CONTRAST_MIN;
    }).catch((error: unknown) => assert.fail(`${error}: ${JSON.stringify(fills)}`));
    assert.ok(fills);
    return fills;
  }

  for (const colorScheme of ["light", "dark"] as const) {
    test(`in forced colours and a ${colorScheme} scheme has the system's colours, and distinct boxes`, async () => {
      const page = await open({ forcedColors: "active", contrast: "more", reducedMotion: "reduce", colorScheme });
      const { checked, empty } = await untilFilled(page);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const expected = colorScheme === "light" ? [255, 255, 255] : [0, 0, 0];
      assert.deepEqual(ground.match(/\d+/g)?.map(Number), expected, "of this Chromium's system");
      assert.deepEqual([...empty], expected);
      assert.ok(contrastOf(checked, empty) >= CONTRAST_MIN);
      const line = Math.max(...(await rowOf(page, -1)).map((color) => contrastOf(color, empty)));
      assert.ok(line >= 7, `the edge of an empty box has a contrast of ${line}`);
      const [corner] = await colorsAt(page, [[(await sizeOf(page, "minimap")).width - 9, 9]], "minimap");
      assert.ok(corner && isNear(corner, [expected[0] ?? 0, expected[1] ?? 0, expected[2] ?? 0]), `the map: ${corner}`);
      const names = ["--bad", "--waiting", "--frozen", "--focus", "--text", "--line", "--cell-line"];
      for (const name of names) {
        const contrast = contrastOf(await styleColor(page, name), empty);
        assert.ok(contrast >= CONTRAST_MIN, `${name} has a contrast of ${contrast}`);
      }
      const own = await page
        .getByTestId("stage")
        .evaluate(
          (stage, names) =>
            names.filter((name) => /^(#|rgb)/.test(getComputedStyle(stage).getPropertyValue(name).trim())),
          [...names, "--cell", "--surface", "--accent", "--accent-strong", "--on-accent", "--text-soft", "--flash"],
        );
      assert.deepEqual(own, [], "none of ours is among the system's");
      await page.close();
    });

    test(`in forced colours and a ${colorScheme} scheme has a ring round the focus that keeps off checked boxes`, async () => {
      const page = await open({ forcedColors: "active", colorScheme });
      const { empty } = await untilFilled(page);
      const [ring, box] = await Promise.all(["--focus", "--accent"].map((name) => styleColor(page, name)));
      assert.ok(ring && box && !isNear(ring, box), "it has another colour, too");
      await page.locator("[data-testid=grid] input[tabindex='0']").focus();
      // By a key, so that the ring is shown.
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ArrowRight");
      const cell = await page.locator(`input[data-cell="${CHECKED}"]`).boundingBox();
      assert.ok(cell);
      // From the middle to the right, into the next box.
      const clip = { x: cell.x + cell.width / 2, y: cell.y + cell.height * 0.7, width: PITCH_PX, height: 1 };
      const { data } = PNG.sync.read(await page.screenshot({ clip }));
      const colors = Array.from({ length: PITCH_PX }, (_, index): Color => {
        const [red = 0, green = 0, blue = 0] = data.subarray(index * 4, index * 4 + 3);
        return [red, green, blue];
      });
      const runs = colors
        .map((color) => (isNear(color, empty, 8) ? "ground" : contrastOf(color, empty) >= CONTRAST_MIN ? "drawn" : ""))
        .filter((kind, index, kinds) => kind !== "" && kind !== kinds[index - 1]);
      assert.deepEqual(
        runs,
        ["drawn", "ground", "drawn", "ground", "drawn"],
        `box, ring, box in ${colors.join(" · ")}`,
      );
      await page.close();
    });
  }

  test("with more contrast has stronger edges round empty boxes", async () => {
    const [usual, more] = await Promise.all(
      (["no-preference", "more"] as const).map(async (contrast) => {
        const page = await open({ contrast });
        const { empty } = await untilFilled(page);
        await until("the mark of the link has faded", async () =>
          (await rowOf(page, -1)).every(([red, , blue]) => blue - red < 15),
        );
        const strongest = Math.max(...(await rowOf(page, -1)).map((color) => contrastOf(color, empty)));
        await page.close();
        return strongest;
      }),
    );
    assert.ok(usual && more && more > 2 * usual && more >= 7, `${usual} and ${more}`);
  });

  test("takes other colours on while it is shown", async () => {
    const page = await open({ forcedColors: "active", colorScheme: "dark" });
    const { empty } = await untilFilled(page);
    assert.deepEqual([...empty], [0, 0, 0]);
    await page.emulateMedia({ forcedColors: "none", colorScheme: "light" });
    const cell = await styleColor(page, "--cell");
    await until("the boxes are light", async () => isNear(await fillOf(page, -1), cell));
    await page.emulateMedia({ forcedColors: "active", colorScheme: "light" });
    await until("and the system's", async () => isNear(await fillOf(page, -1), [255, 255, 255], 0));
    await page.close();
  });

  for (const [reducedMotion, name, isRight] of [
    ["reduce", "without motion zooms at once", (steps: number) => steps === 1],
    ["no-preference", "with motion zooms in steps", (steps: number) => steps > 1],
  ] as const) {
    test(name, async () => {
      const page = await open({ reducedMotion });
      const pitch = () => page.getByTestId("grid").evaluate((grid) => grid.style.getPropertyValue("--pitch"));
      await page.evaluate(() => {
        const grid = document.querySelector<HTMLElement>("[data-testid=grid]");
        if (!grid) throw new Error("no grid");
        const seen = new Set([grid.style.getPropertyValue("--pitch")]);
        new MutationObserver(() => {
          seen.add(grid.style.getPropertyValue("--pitch"));
          grid.dataset.steps = String(seen.size - 1);
        }).observe(grid, { attributeFilter: ["style"] });
      });
      const before = Number.parseFloat(await pitch());
      await page.getByTestId("zoom-in").click();
      const zoom = () => Number(/&zoom=([\d.]+)/.exec(page.url())?.[1]);
      await until("the view rests, nearer", () => zoom() > before);
      const steps = Number(await page.getByTestId("grid").getAttribute("data-steps"));
      assert.ok(isRight(steps), `${steps} steps`);
      await page.close();
    });
  }
});
