/* The demo: the apps of several instances side by side, each in a frame of its own. */

import { render } from "preact";
import { homeUrl, listIn, readJson } from "./address/instance-answers.js";
import { type Query, readQuery } from "./address/query.js";
import { SiteHeader } from "./site-header.js";

const PANES_ALONE = 4;
const LEAD = {
  one: "Check a box in one pane, and it is checked in all. All panes show this instance.",
  several:
    "Check a box in one pane, and it is checked in all. Each pane shows a different instance. The instances share only the store.",
};

function Demo({ urls, board }: { urls: readonly string[]; board: string }) {
  return (
    <div class="demo">
      <SiteHeader page="Demo">
        <p>{LEAD[new Set(urls).size > 1 ? "several" : "one"]}</p>
      </SiteHeader>
      <main class="panes">
        {urls.map((url, index) => (
          // Not the URL: the same instance may appear more than once.
          <section class="pane" key={index} data-testid="pane">
            <h2 translate={false}>
              <a href={pageUrl(url, board)}>{url}</a>
            </h2>
            <iframe src={`${pageUrl(url, board)}&compact`} title={`Pane ${index + 1}: instance ${url}`} />
          </section>
        ))}
      </main>
    </div>
  );
}

function pageUrl(url: string, board: string): string {
  return `${url}/?board=${encodeURIComponent(board)}`;
}

/** The instance's port at the host of the address bar, which the visitor can reach. */
function reachable(url: string): string {
  const { protocol, port } = new URL(url);
  return `${protocol}//${location.hostname}${port && `:${port}`}`;
}

async function instanceUrls({ ports }: Query): Promise<readonly string[]> {
  if (ports.length > 0) return ports.map((port) => `${location.protocol}//${location.hostname}:${port}`);
  const urls = await readDemoUrls().catch(() => []);
  return urls.length > 0 ? urls.map(reachable) : Array.from({ length: PANES_ALONE }, () => homeUrl());
}

const query = readQuery(location.search);
const root = document.getElementById("page");
if (!root) throw new Error("demo.html has no #page");
render(<Demo urls={await instanceUrls(query)} board={query.board} />, root);

/** URLs of the instances in the demo; none if this instance is alone. */
async function readDemoUrls(): Promise<readonly string[]> {
  return listIn(await readJson("demo/instances"), "urls").flatMap((url) =>
    typeof url === "string" && URL.canParse(url) ? [url] : [],
  );
}
