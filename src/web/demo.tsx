/* The demo: the page of every instance beside each other, each in a frame of its own, connected to its own process or port. */

import { render } from "preact";
import { homeUrl, readDemoUrls } from "./instance-answers.js";
import { type Query, readQuery } from "./query.js";

const PANES_ALONE = 4;

function Demo({ urls, board }: { urls: readonly string[]; board: string }) {
  return (
    <div class="demo">
      <header class="demo-header">
        <img src="favicon.svg" alt="" width="36" height="36" />
        <div>
          <h1>SocketScaler</h1>
          <p>
            Check a box in one pane and see it in all of them: each pane is connected to another server process or port,
            and only the store is shared.
          </p>
        </div>
      </header>
      <main class="panes">
        {urls.map((url, index) => (
          // The same instance may be shown more than once, so the place is what tells panes apart.
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

/** An instance says where it listens; the visitor reaches that machine under the name in the address bar. */
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
