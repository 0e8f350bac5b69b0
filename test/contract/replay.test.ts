/*
 * What the simulation committed, committed once more by the real stores: on Valkey and on LMDB the same writes at the same
 * times have the same outcomes, bits and owners as in the model that the simulation trusts.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { getBit } from "../../src/board/bitmap.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import { ofBoard } from "../../src/store/by-board.js";
import type { ClaimRule, ClaimRules } from "../../src/store/claims.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type Batch, type Committed, STORE_LIMITS } from "../../src/store/store.js";
import { commitCall, NotIndexed } from "../../src/store/valkey/scripts/page-calls.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { planFor, randomOf } from "../simulation/plan.js";
import { type Entry, StoreServer } from "../simulation/store-server.js";
import { simulate } from "../simulation/world.js";
import { temporaryFolder } from "../support/folder.js";
import { runAt } from "../support/script-run.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

/** Every world of the first hundred that has claims, and some of the others. */
const SEEDS = Array.from({ length: 100 }, (_, index) => index + 1).filter(
  (seed) => seed <= 20 || planFor(randomOf(seed)).claims.boards.size > 0,
);
/** When the simulated worlds begin, in ms since 1970. */
const EPOCH_MS = 1_700_000_000_000;
const PAGE_BYTES = 8_192;

/** Each world has boards of its own on the real stores. */
const boardOf = (seed: number, board: string) => `world${seed}-${board}`;

function rulesOf(seeds: readonly number[]): ClaimRules {
  const boards = new Map<string, ClaimRule>();
  for (const seed of seeds) {
    for (const [board, rule] of planFor(randomOf(seed)).claims.boards) if (rule) boards.set(boardOf(seed, board), rule);
  }
  return { boards, others: undefined };
}

/** What a page is after a commit: the commit's answer, the bits that are set, and who has which cells until when. */
interface Seen {
  readonly answer: Pick<Committed, "position" | "outcomes" | "claimed" | "checked">;
  readonly cells: readonly number[];
  readonly owners: readonly (readonly [offset: number, owner: string, endMs: number])[];
}

function cellsIn(bits: Uint8Array): number[] {
  const cells: number[] = [];
  for (const [at, byte] of bits.entries()) {
    if (byte === 0) continue;
    for (let offset = at * 8; offset < at * 8 + 8; offset++) if (getBit(bits, offset) === 1) cells.push(offset);
  }
  return cells;
}

const answerOf = ({ position, outcomes, claimed = [], checked }: Committed) => ({
  position,
  outcomes,
  claimed,
  checked,
});

const inOrder = (owners: readonly (readonly [offset: number, owner: string, endMs: number])[]) =>
  [...owners].sort(([one], [other]) => one - other);

describe("the simulation's commits", () => {
  const rules = rulesOf(SEEDS);
  let server: ServerProcess;
  let valkey: ValkeyStore;
  let embedded: EmbeddedStore;
  let nowMs = EPOCH_MS;
  before(async () => {
    server = await startServer();
    valkey = await ValkeyStore.open({ url: server.url, claims: rules });
    embedded = await EmbeddedStore.open({ directory: temporaryFolder({ after }), claims: rules, now: () => nowMs });
  });
  after(async () => {
    await Promise.all([valkey.close(), embedded.close()]);
    await server.stop();
  });

  async function commitOnValkey(ref: PageRef, batch: Batch, mark = ""): Promise<Committed> {
    const claims = ofBoard(rules, ref.board);
    const mode = { publish: "PUBLISH", isMarked: false, history: { ms: 0, deltasMax: 0 }, claims } as const;
    try {
      return await runAt(valkey, commitCall(valkey.names, ref, batch, STORE_LIMITS, mode, mark), nowMs);
    } catch (error) {
      if (!(error instanceof NotIndexed) || error.mark === mark) throw error;
      return commitOnValkey(ref, batch, error.mark);
    }
  }

  async function seenOnValkey(ref: PageRef, batch: Batch): Promise<Seen> {
    const answer = answerOf(await commitOnValkey(ref, batch));
    const { bits } = await valkey.read(ref);
    const key = valkey.names.page(ref).claims;
    const stored = ((await valkey.command(key, "HGETALL", key)) as unknown[]).map(String);
    const owners = stored.flatMap((claim, at) =>
      at % 2 === 1 ? [[Number(stored[at - 1]), claim.slice(0, 16), Number(claim.slice(16))] as const] : [],
    );
    const cells = cellsIn(bits);
    return { answer, cells, owners: inOrder(owners.filter(([offset]) => cells.includes(offset))) };
  }

  /** Claims that have ended are not read there. */
  async function seenOnLmdb(ref: PageRef, batch: Batch): Promise<Seen> {
    const answer = answerOf(await embedded.commit(ref, batch));
    const { bits } = await embedded.read(ref);
    const { claims } = await embedded.claims(ref);
    const owners = claims.map(
      ({ offset, owner = "", leftMs }) => [offset, owner, leftMs === undefined ? 0 : nowMs + leftMs] as const,
    );
    return { answer, cells: cellsIn(bits), owners: inOrder(owners) };
  }

  function seenInModel(model: StoreServer, ref: PageRef, batch: Batch): Seen {
    const answer = answerOf(model.commit(ref, batch));
    const owners = Array.from(model.held(ref), ([offset, { owner, endMs }]) => [offset, owner, endMs] as const);
    return { answer, cells: cellsIn(model.snapshot(ref).bits), owners: inOrder(owners) };
  }

  test("have the same outcomes, bits and owners on Valkey and on LMDB as in the model", async (t) => {
    const counts = new Map<string, number>();
    for (const seed of SEEDS) {
      const { commits, failure } = await simulate(seed);
      assert.equal(failure, undefined, `seed ${seed}`);
      const ignored = () => undefined;
      const model = new StoreServer(
        { pageBytes: PAGE_BYTES, logMax: 10, claims: rules, now: () => nowMs },
        { committed: ignored, published: ignored, confused: (name) => assert.fail(`two states of ${name}`) },
      );
      for (const entry of commits) {
        nowMs = EPOCH_MS + entry.nowMs;
        const ref = { board: boardOf(seed, entry.ref.board), page: entry.ref.page };
        const expected = seenInModel(model, ref, entry.batch);
        const where = `seed ${seed}, ${pageName(ref)}, ${entry.batch.tag}`;
        assert.deepEqual(expected.answer.outcomes, entry.outcomes, `${where}: the model, as it was in the simulation`);
        assert.deepEqual(await seenOnValkey(ref, entry.batch), expected, `${where}: Valkey`);
        const counting = { ...expected, owners: expected.owners.filter(([, , endMs]) => endMs === 0 || endMs > nowMs) };
        assert.deepEqual(await seenOnLmdb(ref, entry.batch), counting, `${where}: LMDB`);
        count(counts, entry, ofBoard(rules, ref.board));
      }
    }
    t.diagnostic(JSON.stringify(Object.fromEntries(counts)));
    const kinds = ["permanent", "hold", "lease"].flatMap((kind) => [`${kind} accepted`, `${kind} claimed`]);
    const acts = ["confirm accepted", "extend accepted", "expire accepted"];
    for (const kind of [...kinds, ...acts, "duplicate", "plain accepted"]) {
      assert.ok((counts.get(kind) ?? 0) > 0, `there was no commit of the kind "${kind}"`);
    }
  });
});

function count(counts: Map<string, number>, { batch, outcomes }: Entry, rule: ClaimRule | undefined): void {
  const board = !rule ? "plain" : rule.isLease ? "lease" : rule.ms > 0 ? "hold" : "permanent";
  for (const [index, { act }] of batch.writes.entries()) {
    const outcome = outcomes[index];
    const kind = outcome === "duplicate" ? outcome : `${act?.kind ?? board} ${outcome}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
}
