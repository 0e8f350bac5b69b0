/*
 * The least that a browser can do, as a floor beside the app's figures: what a bare page misses is
 * missed by this browser on this machine. It is measured in the same run, in the same way, and with
 * the same load beside it. No target depends on it.
 */

import type { Page } from "playwright-core";

/** What a row measures. */
export const APP = "app";
export const BARE = "bare page";

/** A canvas of the app's size. A drag moves its picture, which is copied once in each frame. */
export async function showBareCanvas(page: Page): Promise<void> {
  await page.goto("about:blank");
  await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.dataset.testid = "canvas";
    canvas.style.cssText = "position: fixed; inset: 0";
    [canvas.width, canvas.height] = [innerWidth, innerHeight];
    document.body.append(canvas);
    const picture = new OffscreenCanvas(2 * innerWidth, 2 * innerHeight);
    const pen = picture.getContext("2d");
    const context = canvas.getContext("2d");
    for (let at = 0; pen && at < 4_096; at++) {
      pen.fillStyle = `hsl(${at} 60% 60%)`;
      pen.fillRect((at % 64) * 40, Math.floor(at / 64) * 25, 40, 25);
    }
    let isDown = false;
    canvas.addEventListener("pointerdown", () => {
      isDown = true;
    });
    canvas.addEventListener("pointerup", () => {
      isDown = false;
    });
    canvas.addEventListener("pointermove", ({ clientX, clientY }) => {
      // A drag moves the pointer once in each frame.
      if (isDown) context?.drawImage(picture, Math.round(clientX) - innerWidth, Math.round(clientY) - innerHeight);
    });
  });
}

/** A button that fills the window. Each key and each press changes one text. */
export async function showBareButton(page: Page): Promise<void> {
  await page.goto("about:blank");
  await page.evaluate(() => {
    const button = document.createElement("button");
    button.style.cssText = "position: fixed; inset: 0; width: 100%";
    document.body.append(button);
    let count = 0;
    const change = () => {
      button.textContent = String(++count);
    };
    for (const name of ["keydown", "keyup", "pointerdown", "pointerup", "click"]) button.addEventListener(name, change);
    button.focus();
  });
}
