/* The demo: the apps of several instances side by side, each in a frame of its own. */

import { render } from "preact";
import { homeUrl, readDemoUrls } from "./instance-answers.js";
import { type Query, readQuery } from "./query.js";

const PANES_ALONE = 4;

function Demo({ urls, board }: { urls: readonly string[]; board: string }) {
  return (
    <div class="demo">
      <header class="title">
        <img src="favicon.svg" alt="" width="36" height="36" />
        <div>
          <h1>SocketScaler</h1>
          <p>
            Check a box in one pane and watch it appear in all of them. With several instances running, each pane
            connects to a different one, and they share only the store.
          </p>
        </div>
      </header>
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
