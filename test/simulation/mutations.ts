/*
 * Faults to plant in the code, one at a time: each is a mistake that one could make, and the simulation has to find it.
 * mutate.ts plants them; simulation.test.ts sees that each still fits the code.
 */

export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Must be in the file exactly once. */
  readonly search: string;
  readonly replacement: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "positions are compared without their tags",
    file: "src/board/position.ts",
    search: "return a.version === b.version && a.tag === b.tag;",
    replacement: "return a.version === b.version;",
  },
  {
    name: "a delta is applied after a gap",
    file: "src/board/replica.ts",
    search: "if (!samePosition(delta.from, this.#position)) {",
    replacement: "if (delta.to.version <= this.#position.version) {",
  },
  {
    name: "a duplicate is applied again",
    file: "src/board/replica.ts",
    search: "if (!samePosition(delta.from, this.#position)) {",
    replacement:
      "if (!samePosition(delta.from, this.#position) && this.#passed.get(delta.to.version) !== delta.to.tag) {",
  },
  {
    name: "a snapshot of a lower version is refused",
    file: "src/board/replica.ts",
    search: 'if (samePosition(snapshot.position, this.#position)) return "duplicate";',
    replacement: 'if (snapshot.position.version <= this.#position.version) return "duplicate";',
  },
  {
    name: "the store takes a write that is sent again",
    file: "src/store/seen.ts",
    search: 'if (ahead === 0) return { outcome: "duplicate", seen };',
    replacement: 'if (ahead === 0) return { outcome: "accepted", seen };',
  },
  {
    name: "the writer acknowledges before the commit",
    file: "src/server/writes/writer.ts",
    search: "const startMs = this.#clock.now();",
    replacement:
      'const startMs = this.#clock.now();\nfor (const write of waiting) write.settle({ version: 0, tag: "AAAAAAAA" });',
  },
  {
    name: "all attempts at a batch have one tag",
    file: "src/server/writes/writer.ts",
    search: "{ tag: newTag(), writes: waiting }",
    replacement: "{ tag: ((batch as unknown as { tag?: string }).tag ??= newTag()), writes: waiting }",
  },
  {
    name: "a write that may have happened is told as refused",
    file: "src/server/writes/writer.ts",
    search: "const code = error.sent ? outcome : batch.code;",
    replacement: "const code = batch.code;",
  },
  {
    name: "deltas are not buffered while the follower asks",
    file: "src/server/pages/follower.ts",
    search: "    this.#buffer ??= [];\n",
    replacement: "",
  },
  {
    name: "the follower does not ask after a gap",
    file: "src/server/pages/follower.ts",
    search: 'void this.catchUp("gap");',
    replacement: "",
  },
  {
    name: "the follower does not ask when its channel stands again",
    file: "src/server/pages/follower.ts",
    search: 'resumed: () => void this.catchUp("resumed"),',
    replacement: "resumed: () => undefined,",
  },
  {
    name: "the position check does not ask for what is missing",
    file: "src/server/pages/pages.ts",
    search: 'void follower.catchUp("check");',
    replacement: "",
  },
  {
    name: "a client joins between two flushes",
    file: "src/server/pages/hub.ts",
    search: "if (this.#isLevel) this.#admit(arrival);\n    else this.#arrived.add(arrival);",
    replacement: "this.#admit(arrival);",
  },
  {
    name: "a client that is ahead of the instance is set back",
    file: "src/server/pages/hub.ts",
    search: '    await this.follower.catchUp("ahead");\n',
    replacement: "",
  },
  {
    name: "frames are sent to a client that does not read",
    file: "src/server/pages/hub.ts",
    search: "if (member.backlogged) this.#setLagging(member, before);\n        else {",
    replacement: "{",
  },
  {
    name: "a client that was skipped stays a member",
    file: "src/server/pages/hub.ts",
    search: "    this.#members.delete(recipient);\n    this.#watching.set(recipient, undefined);\n    this.#lagging",
    replacement: "    this.#watching.set(recipient, undefined);\n    this.#lagging",
  },
  {
    name: "a client that was skipped rejoins from where it never was",
    file: "src/server/pages/hub.ts",
    search: "this.#setLagging(member, before);",
    replacement: "this.#setLagging(member, position);",
  },
  {
    name: "a frame that led to an earlier position is sent again",
    file: "src/server/pages/hub.ts",
    search: "    this.#catchUps.clear();\n    this.#restarted ||= restarted;",
    replacement: "    this.#restarted ||= restarted;",
  },
  {
    name: "a frame is encoded for each client",
    file: "src/server/pages/hub.ts",
    search: "          member.send(frame);\n          sent++;",
    replacement: "          member.send(this.#frameSince(restarted ? undefined : before));\n          sent++;",
  },
  {
    name: "the lane acknowledges before the commit",
    file: "src/server/lane/lane-connection.ts",
    search: "        (settle) => client.write(message, settle),",
    replacement: `        (settle) => {
          client.write(message, () => undefined);
          const pages = new Set(message.changes.map(([cell]) => Math.floor(cell / 65_536)));
          settle({ at: Array.from(pages, (page): [number, number] => [page, 1]) });
        },`,
  },
  {
    name: "the lane sends a continuation of a frame that did not end there",
    file: "src/server/lane/lane-connection.ts",
    search:
      "this.#lastPage === delta.page && this.#lastHandle === handle && samePosition(this.#lastPosition, delta.from);",
    replacement: "this.#lastPage === delta.page && this.#lastHandle === handle;",
  },
  {
    name: "the lane sends a continuation of another page",
    file: "src/server/lane/lane-connection.ts",
    search:
      "this.#lastPage === delta.page && this.#lastHandle === handle && samePosition(this.#lastPosition, delta.from);",
    replacement: "this.#lastPosition.version === delta.from.version;",
  },
  {
    name: "a continuation is accepted from a wrong base",
    file: "src/client/links/lane-link.ts",
    search: "this.#last = readSnapshotHead(message.bytes);",
    replacement: "this.#last ??= readSnapshotHead(message.bytes);",
  },
  {
    name: "a page that was released and held again is not left after an early watch",
    file: "src/client/watching/joiner.ts",
    search: "if (!held || (replica && held.replica !== replica)) changed.push(number);",
    replacement: "",
  },
  {
    name: "the client does not send again what was on a lost connection",
    file: "src/client/outbox/in-flight.ts",
    search: "for (const seq of this.#writes.keys()) this.unsettled(seq);",
    replacement: "",
  },
  {
    name: "a retry that is refused gets a new number",
    file: "src/client/outbox/outbox.ts",
    search: "if (this.#inFlight.get(seq)?.isUncertain) {",
    replacement: "if (false) {",
  },
  {
    name: "a later change of a cell overtakes one whose fate is open",
    file: "src/client/outbox/queue.ts",
    search: "passed.has(op.cell) || mustWait(op)",
    replacement: "passed.has(op.cell)",
  },
  {
    name: "a page is asked for again before its unwatch is answered",
    file: "src/client/watching/joiner.ts",
    search: 'for (const number of left) this.#stages.set(number, "leaving");',
    replacement: "for (const number of left) this.#stages.delete(number);",
  },
  {
    name: "a watch that failed is taken for joined",
    file: "src/client/watching/joiner.ts",
    search: "if (refusal.rule.retry) this.leave(numbers, refusal.pauseMs);",
    replacement: 'if (refusal.rule.retry) for (const number of numbers) this.#stages.set(number, "joined");',
  },
  {
    name: "a wish that is over before its page can be read is not told",
    file: "src/client/boards/shown-cells.ts",
    search: "if (now === undefined) this.#pages.get(pageOf(cell))?.unreported.add(cell);",
    replacement: "",
  },
  {
    name: "the client waits for ever for a version that the store lost",
    file: "src/client/outbox/confirmed.ts",
    search: "++change.waits > WAITS_MAX",
    replacement: "false",
  },
  {
    name: "a hold that has ended still counts",
    file: "src/store/claims.ts",
    search: "return claim && hasNotEnded(claim, this.#nowMs) && this.#isChecked(offset) ? claim : undefined;",
    replacement: "return claim && this.#isChecked(offset) ? claim : undefined;",
  },
  {
    name: "a copy of a claim that has ended succeeds",
    file: "src/store/claims.ts",
    search: "if (isDuplicate) return value === 1 ? holder?.owner !== owner : this.#isChecked(offset);",
    replacement: "",
  },
  {
    name: "a cell that is given back keeps its owner",
    file: "src/store/claims.ts",
    search: "if (this.#claim(offset)) this.#put(offset, undefined);\n      return",
    replacement: "return",
  },
  {
    name: "a lease that was extended is cut short by its renewal",
    file: "src/store/claims.ts",
    search: "endMs: Math.max(holder.endMs, endMs) });",
    replacement: "endMs });",
  },
  {
    name: "nobody hears that a claim was confirmed",
    file: "src/store/claims.ts",
    search: '      this.#put(offset, { ...holder, endMs });\n      return "mention";',
    replacement: '      this.changed.set(offset, { ...holder, endMs });\n      return "none";',
  },
  {
    name: "the sweep is seldom",
    file: "src/server/claims/sweep.ts",
    search: "const SWEEP_MS = 800;",
    replacement: "const SWEEP_MS = 4_000;",
  },
  {
    name: "a refusal names the cells of another write",
    file: "src/server/writes/writer.ts",
    search: "takenRefusal(page, claimed?.next().value)",
    replacement: "takenRefusal(page, committed.claimed?.[0])",
  },
  {
    name: "claims are not read again after a gap",
    file: "src/server/claims/page-owners.ts",
    search: "resynced: () => void this.#read(),",
    replacement: "resynced: () => undefined,",
  },
  {
    name: "watchers are not told of claims that were read again",
    file: "src/server/claims/page-owners.ts",
    search: "if (this.#isRead) this.#listener.reread();",
    replacement: "",
  },
  {
    name: "an owner is not told that a cell is lost",
    file: "src/server/claims/mine.ts",
    search: "if (before) of(before.owner).set(offset, undefined);",
    replacement: "",
  },
  {
    name: "all watchers are told of every claim",
    file: "src/server/claims/mine.ts",
    search: "const theirs = concerned.get(owner);",
    replacement: "const theirs = concerned.get(owner) ?? [...concerned.values()][0];",
  },
  {
    name: "all claims of a page are added to those known before a reconnect",
    file: "src/client/watching/own-cells.ts",
    search: "if (!gone) this.forget(page);",
    replacement: "",
  },
  {
    name: "leases are renewed too late",
    file: "src/client/watching/own-cells.ts",
    search: "const RENEWALS = 3;",
    replacement: "const RENEWALS = 0.9;",
  },
  {
    name: "after TAKEN, the other changes of an uncertain write keep its number",
    file: "src/client/outbox/outbox.ts",
    search: 'if (write.isUncertain && rest.length > 0 && error.code !== "TAKEN") {',
    replacement: "if (write.isUncertain && rest.length > 0) {",
  },
];
