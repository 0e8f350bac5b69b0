/*
 * The link to one relay. It carries out the relay's calls (store/upstream/calls.ts) with the store
 * and the writer of this instance. It also sends the news to which the relay has subscribed. A
 * relay may write in the name of any session, so only the secret opens a link.
 */

import type { PageRef } from "../../board/geometry.js";
import { ruleIn } from "../../store/claims.js";
import { DamagedPage, MisfitPage } from "../../store/damage.js";
import { type PageHead, type Store, StoreAway, Unconfirmed } from "../../store/store.js";
import {
  type ArgsOf,
  CALLS,
  type CallName,
  type Constant,
  callMessage,
  DOWN,
  type FailureKind,
  type PartOf,
  type ResultOf,
  type UpstreamEvent,
  type Welcome,
} from "../../store/upstream/calls.js";
import { pack, unpack } from "../../store/upstream/packed.js";
import type { Departing } from "../instance/departures.js";
import type { Writer } from "../writes/writer.js";
import { commitBatch } from "./commit-batch.js";
import type { RelayedNews, Subject } from "./relayed-news.js";

export interface RelayContext {
  readonly store: Store;
  readonly writer: Pick<Writer, "writeAll">;
  readonly news: RelayedNews;
  readonly welcome: () => Welcome;
  readonly called: (name: CallName) => void;
  readonly failed: (error: unknown) => void;
}

/** The relay's WebSocket. */
export interface RelayWire {
  send(message: Uint8Array): void;
  cut(): void;
}

type Handlers = {
  readonly [Name in CallName]: (
    args: ArgsOf<Name>,
    part: (part: Constant<PartOf<Name>>) => void,
  ) => Promise<Constant<ResultOf<Name>>>;
};

/** Calls that are being carried out. A relay has fewer (upstream-link.ts). */
const RUNNING_MAX = 20_000;

export class RelayLink implements Departing {
  readonly #context: RelayContext;
  readonly #wire: RelayWire;
  readonly #handlers: Handlers;
  #running = 0;
  #isClosed = false;

  constructor(context: RelayContext, wire: RelayWire) {
    this.#context = context;
    this.#wire = wire;
    this.#handlers = this.#handle();
    this.send(pack([DOWN.welcome, context.welcome()]));
  }

  send(message: Uint8Array): void {
    if (!this.#isClosed) this.#wire.send(message);
  }

  notify(event: UpstreamEvent): void {
    this.send(pack([DOWN.event, event]));
  }

  move(): void {
    this.notify({ kind: "goodbye" });
  }

  close(): void {
    this.#isClosed = true;
    this.#context.news.forget(this);
  }

  receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const message = callMessage.safeParse(unpack(bytes)?.value);
    if (!message.success || this.#running >= RUNNING_MAX) {
      this.#wire.cut();
      return;
    }
    const [id, name, args] = message.data;
    this.#running++;
    this.#run(id, name, args)
      .then(
        (result) => this.send(pack([DOWN.answer, id, result ?? null])),
        (error: unknown) => this.#fail(id, error),
      )
      .catch(this.#context.failed)
      .finally(() => this.#running--);
  }

  async #run(id: number, name: string, args: unknown): Promise<unknown> {
    if (!isCall(name)) throw new BadCall(`there is no call ${name}`);
    this.#context.called(name);
    const checked = CALLS[name].args.safeParse(args);
    if (!checked.success) throw new BadCall(`the arguments of ${name} are not valid`);
    const run: (args: never, part: (part: unknown) => void) => Promise<unknown> = this.#handlers[name];
    // The table has checked that the arguments are those of this call.
    return run(checked.data as never, (part) => this.send(pack([DOWN.part, id, part])));
  }

  #fail(id: number, error: unknown): void {
    const kind = kindOf(error);
    if (kind === "error" && !(error instanceof BadCall)) this.#context.failed(error);
    this.send(pack([DOWN.failure, id, kind, error instanceof Error ? error.message : String(error)]));
  }

  #handle(): Handlers {
    const { store, writer } = this.#context;
    return {
      commit: async ([page, batch]) => {
        const committed = await commitBatch(store, writer, page, batch);
        await allHeard(store);
        return committed;
      },
      replace: (args) => store.replace(...args),
      freeze: (args) => store.freeze(...args),
      frozen: async ([page]) => (await store.frozen(page)) ?? null,
      read: ([page]) => store.read(page),
      since: (args) => store.since(...args),
      heads: async ([pages], part) => {
        await readHeads(store, pages, part);
        return null;
      },
      claims: ([page]) => store.claims(page),
      releaseExpired: (_, part) =>
        store.releaseExpired((page, offsets, committed) => part({ page, offsets, committed })),
      history: async (args) => (await store.history(...args)) ?? null,
      activity: async (args) => (await store.activity(...args)) ?? null,
      enroll: (args) => store.enroll(...args),
      readOverview: ([board]) => store.overview.read(board),
      report: async (args) => {
        await store.overview.report(...args);
        return null;
      },
      listBoards: async () => {
        const records = await store.boards.list();
        // The relay may serve a board before this instance has heard of it.
        for (const [name, { claims }] of records ?? []) store.setRule(name, ruleIn(claims));
        return records ? [...records] : null;
      },
      changeBoard: ([name, before, after]) => store.boards.change(name, before ?? undefined, after ?? undefined),
      subscribe: ([page]) => this.#subscribe({ page }),
      unsubscribe: ([page]) => this.#unsubscribe({ page }),
      restart: async ([pages]) => {
        store.restartSubscriptions(pages);
        return null;
      },
      subscribeOverview: ([overview]) => this.#subscribe({ overview }),
      unsubscribeOverview: ([overview]) => this.#unsubscribe({ overview }),
      restartOverview: async ([board]) => {
        store.overview.restartSubscription(board);
        return null;
      },
      subscribeBoards: () => this.#subscribe("boards"),
    };
  }

  async #subscribe(subject: Subject): Promise<null> {
    await this.#context.news.subscribe(subject, this);
    // The link may have ended meanwhile.
    if (this.#isClosed) this.#context.news.forget(this);
    return null;
  }

  async #unsubscribe(subject: Subject): Promise<null> {
    this.#context.news.unsubscribe(subject, this);
    return null;
  }
}

/** A call that no relay of this version makes. */
class BadCall extends Error {}

function isCall(name: string): name is CallName {
  return Object.hasOwn(CALLS, name);
}

function kindOf(error: unknown): FailureKind {
  if (error instanceof Unconfirmed) return "unconfirmed";
  if (error instanceof StoreAway) return error.sent ? "sent" : "away";
  if (error instanceof DamagedPage) return "damaged";
  return error instanceof MisfitPage ? "misfit" : "error";
}

/** The store may leave news unread for a moment. Answers must not overtake the news before them. */
function allHeard(store: Store): Promise<void> {
  return new Promise((heard) => store.wake(heard));
}

type Heads = readonly (readonly [index: number, head: PageHead | null])[];

/** Passes on heads as the parts of the store give them, those of one moment together. */
async function readHeads(store: Store, pages: readonly PageRef[], part: (heads: Heads) => void): Promise<void> {
  const unheard = new Set(pages.keys());
  let gathered: [number, PageHead | null][] = [];
  const flush = async () => {
    await allHeard(store);
    if (gathered.length > 0) part(gathered);
    gathered = [];
  };
  const heads = await store.heads(pages, (index, head) => {
    if (!unheard.delete(index)) return;
    if (gathered.push([index, head ?? null]) === 1) setImmediate(flush);
  });
  for (const index of unheard) gathered.push([index, heads[index] ?? null]);
  await flush();
}
