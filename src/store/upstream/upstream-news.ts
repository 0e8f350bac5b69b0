/* The news that a relay hears from its upstream, for the listeners of its store. */

import { type PageRef, pageName } from "../../board/geometry.js";
import type { Clock } from "../../protocol/clock.js";
import type { OverviewListener } from "../overview.js";
import type { SubscriptionListener } from "../store.js";
import type { UpstreamEvent } from "./calls.js";
import { Subscribed } from "./subscribed.js";
import type { Upstreams } from "./upstreams.js";

export class UpstreamNews {
  readonly pages: Subscribed<PageRef, SubscriptionListener>;
  readonly overviews: Subscribed<string, OverviewListener>;
  readonly boards: Subscribed<"boards", () => void>;

  constructor(upstreams: Pick<Upstreams, "call">, clock: Clock) {
    this.pages = new Subscribed<PageRef, SubscriptionListener>({
      clock,
      nameOf: pageName,
      start: (page) => upstreams.call("subscribe", [page]),
      stop: (page) => void upstreams.call("unsubscribe", [page]).catch(forget),
      resumed: (listener) => listener.resumed(),
    });
    this.overviews = new Subscribed<string, OverviewListener>({
      clock,
      nameOf: (board) => board,
      start: (board) => upstreams.call("subscribeOverview", [board]),
      stop: (board) => void upstreams.call("unsubscribeOverview", [board]).catch(forget),
      resumed: (listener) => listener.resumed(),
    });
    this.boards = new Subscribed<"boards", () => void>({
      clock,
      nameOf: (name) => name,
      start: () => upstreams.call("subscribeBoards", []),
      // There is one for the whole link.
      stop: () => undefined,
      resumed: (changed) => changed(),
    });
  }

  /** There is a new link, at which nothing is subscribed yet. */
  renew(): void {
    for (const each of [this.pages, this.overviews, this.boards]) each.renew();
  }

  close(): void {
    for (const each of [this.pages, this.overviews, this.boards]) each.close();
  }

  heard(event: UpstreamEvent): void {
    switch (event.kind) {
      case "delta": {
        const { board, delta, claims } = event;
        for (const listener of this.pages.of(pageName({ board, page: delta.page }))) listener.delta(delta, claims);
        return;
      }
      case "resumed":
        for (const listener of this.pages.of(pageName(event.page))) listener.resumed();
        return;
      case "overview":
        for (const listener of this.overviews.of(event.board)) listener.changed(event.tallies);
        return;
      case "overviewResumed":
        for (const listener of this.overviews.of(event.board)) listener.resumed();
        return;
      case "boards":
        for (const changed of this.boards.of("boards")) changed();
        return;
    }
  }
}

function forget(): void {}
