/* The web app below a path of a site, where nothing else on that host is the instance's. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openBoard } from "../support/browser.js";
import { startPathProxy } from "../support/path-proxy.js";
import { type Site, startSite } from "../support/site.js";
import { until } from "../support/until.js";

const PATH = "/tools/board";

describe("the page below a path", () => {
  let site: Site;
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.unshift(end) };
  before(async () => {
    site = await startSite(t, [{ BASE_PATH: PATH }]);
    t.after(() => site.stop());
  });
  after(async () => {
    for (const end of ends) await end();
  });

  for (const isTakenOff of [false, true]) {
    test(`works where a proxy ${isTakenOff ? "takes it off" : "leaves it"}: the board, the demo and the cluster`, async () => {
      const [instance] = site.instances;
      assert.ok(instance);
      const { url, elsewhere } = await startPathProxy(t, instance.url, PATH, isTakenOff);
      const { page, errors } = await openBoard(site.browser, `${url}/?board=main`);
      const cell = isTakenOff ? 21 : 20;
      await page.locator(`input[data-cell="${cell}"]`).click();
      const isStored = async () => {
        const { bits } = await site.store.read({ board: "main", page: 0 });
        return ((bits[cell >> 3] ?? 0) & (0x80 >> (cell & 7))) !== 0;
      };
      await until("the click is stored", isStored);
      await page.goto(`${url}/demo`);
      const panes = page.getByTestId("pane");
      await until("four panes are there", async () => (await panes.count()) === 4);
      await page.frameLocator("iframe").first().locator('[data-testid=grid][aria-busy="false"]').waitFor();
      await page.goto(`${url}/cluster/`);
      assert.equal(page.url(), `${url}/cluster`);
      await until("the cluster is shown", async () =>
        /1 instance/.test((await page.getByTestId("cluster-status").textContent()) ?? ""),
      );
      if (!isTakenOff) {
        await page.goto(url);
        assert.equal(page.url(), `${url}/`);
      }
      assert.deepEqual([errors, elsewhere], [[], []]);
      await page.context().close();
    });
  }
});
