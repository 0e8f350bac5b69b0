/* The header of the pages beside the board: the product, and the page's name. */

import type { ComponentChildren } from "preact";

export function SiteHeader({ page, children }: { page: string; children?: ComponentChildren }) {
  return (
    <header class="site-header">
      <div class="title">
        <h1>
          <span>SocketScaler</span> <strong>{page}</strong>
        </h1>
      </div>
      {children}
    </header>
  );
}
