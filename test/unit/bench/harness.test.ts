/* The pure parts of the benchmark harness: it must see every failure, and calculate correctly. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf, gapNotes, judge } from "../../../bench/load/correctness.js";
import { Delays } from "../../../bench/load/delays.js";
import { type Finding, type Scenario, spreadOf } from "../../../bench/load/outcome.js";
import { wsCoalesced } from "../../../bench/load/per-change.js";
import { readOnce } from "../../../bench/load/read-once.js";
import { runScenarios } from "../../../bench/load/runner.js";
import { cheaperNotes } from "../../../bench/scenarios/cpu.js";
import { MISSING_PERCENT_MAX } from "../../../bench/scenarios/knee.js";
import { leastBits, log2Choose, partsNote } from "../../../bench/scenarios/wire-bytes.js";
import { judgeTrial } from "../../../src/bench/find-max.js";

/** Cells 0 to 9; 3 and 4 were checked, 5 was unchecked. */
const CELLS = 10;
const LAST: readonly (readonly [number, boolean])[] = [
  [3, true],
  [4, true],
  [5, false],
];
const checked = (...cells: number[]) => {
  return (cell: number) => cells.includes(cell);
};
const right = { get: checked(3, 4), isOpen: true };
const GOOD = { lostWrites: 0, divergedClients: 0, brokenConnections: 0, refusedWrites: 0, gaps: 0 };

describe("judging a fleet", () => {
  test("finds nothing if store and clients have what was written", () => {
    const judged = judge({ cells: CELLS, last: LAST, stored: checked(3, 4) }, [right, right]);
    assert.deepEqual(judged, GOOD);
    assert.deepEqual(faultsOf("ours", judged), []);
    assert.deepEqual(gapNotes("ours", judged), []);
  });

  test("finds a lost write, though all clients show what the store has", () => {
    const client = { get: checked(3), isOpen: true };
    const judged = judge({ cells: CELLS, last: LAST, stored: checked(3) }, [client]);
    assert.deepEqual(judged, { ...GOOD, lostWrites: 1 });
    assert.deepEqual(faultsOf("ours", judged), ["ours: 1 lost writes"]);
  });

  test("finds a write of false that was lost", () => {
    const all = checked(3, 4, 5);
    const judged = judge({ cells: CELLS, last: LAST, stored: all }, [{ get: all, isOpen: true }]);
    assert.equal(judged.lostWrites, 1);
  });

  test("finds the client that diverged, also in the last cell and where nobody wrote", () => {
    for (const cell of [0, 9]) {
      const wrong = { get: checked(3, 4, cell), isOpen: true };
      const judged = judge({ cells: CELLS, last: LAST, stored: checked(3, 4) }, [right, wrong]);
      assert.deepEqual(judged, { ...GOOD, divergedClients: 1 });
      assert.equal(faultsOf("ours", judged).length, 1);
    }
  });

  test("finds the connection that broke", () => {
    const judged = judge({ cells: CELLS, last: LAST, stored: checked(3, 4) }, [right, { ...right, isOpen: false }]);
    assert.deepEqual(judged, { ...GOOD, brokenConnections: 1 });
    assert.equal(faultsOf("ours", judged).length, 1);
  });

  test("a write that was refused is not lost, but no less a fault", () => {
    const client = { get: checked(3), isOpen: true, refused: [{ cell: 4, code: "BUSY" }] };
    const judged = judge({ cells: CELLS, last: LAST, stored: checked(3) }, [client]);
    assert.deepEqual(judged, { ...GOOD, refusedWrites: 1 });
    assert.equal(faultsOf("ours", judged).length, 1);
  });

  test("gaps of all clients are reported, and are no fault", () => {
    const clients = [
      { ...right, gaps: 2 },
      { ...right, gaps: 1 },
    ];
    const judged = judge({ cells: CELLS, last: LAST, stored: checked(3, 4) }, clients);
    assert.deepEqual(faultsOf("ours", judged), []);
    assert.match(gapNotes("ours", judged)[0] ?? "", /^ours: 3 frames/);
  });
});

describe("delays", () => {
  test("have the percentiles of what was recorded, to a tenth of a millisecond", () => {
    const delays = new Delays();
    // Not in order.
    for (let ms = 100; ms >= 1; ms--) delays.record(ms);
    assert.equal(delays.percentile(50), 50);
    assert.equal(delays.percentile(99), 99);
    assert.equal(delays.percentile(100), 100);
    delays.record(0.26);
    assert.equal(delays.percentile(0.5), 0.3);
  });

  test("have the smallest and largest value of one recorded", () => {
    const delays = new Delays();
    delays.record(7.5);
    assert.equal(delays.percentile(1), 7.5);
    assert.equal(delays.percentile(100), 7.5);
  });

  test("count what is longer than a minute as a minute, and what is negative as nothing", () => {
    const delays = new Delays();
    delays.record(1e9);
    assert.equal(delays.percentile(50), 60_000);
    delays.record(-1);
    assert.equal(delays.percentile(50), 0);
  });

  test("are none before the first and after they were cleared", () => {
    const delays = new Delays();
    assert.ok(Number.isNaN(delays.percentile(50)));
    delays.record(1);
    delays.clear();
    assert.ok(Number.isNaN(delays.percentile(50)));
    delays.record(5);
    delays.record(10);
    assert.equal(delays.percentile(50), 5);
  });
});

describe("the bound of a frame", () => {
  const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}`);

  test("is log2 of the number of choices", () => {
    for (const [n, k, choices] of [
      [5, 0, 1],
      [5, 1, 5],
      [5, 2, 10],
      [5, 5, 1],
      [10, 3, 120],
      [52, 5, 2_598_960],
    ] as const) {
      near(log2Choose(n, k), Math.log2(choices));
    }
  });

  test("has a bit more for each change: to what", () => {
    near(leastBits(65_536, 1), 17);
    near(leastBits(10, 3), Math.log2(120) + 3);
  });

  test("stands in a note beside what framing and positions take, which add up to the frame", () => {
    const note = partsNote({ bytes: 80, changes: 12, bound: 22 });
    const numbers =
      /takes (\d+)\. The kind, steps and tag of a continuation take (\d+), so .* after (\d+)\. The changes take (\d+)\./.exec(
        note,
      );
    const [framing = 0, positions = 0, together = 0, changes = 0] = (numbers ?? []).slice(1).map(Number);
    assert.match(note, /the bound is 22 bytes\./);
    // A tag alone is 6 bytes.
    assert.ok(framing >= 2 && positions > 6, note);
    assert.equal(framing + positions, together);
    assert.equal(together + changes, 80);
  });
});

describe("reading a frame once", () => {
  test("gives each client what its own text says, whatever came to others before", () => {
    const texts: string[] = [];
    const read = readOnce((text: string) => {
      texts.push(text);
      return [text.length];
    });
    assert.deepEqual(["a", "a", "bc", "a", "a"].map(read), [[1], [1], [2], [1], [1]]);
    assert.deepEqual(texts, ["a", "bc", "a"]);
  });

  test("takes frames for the same only if they also continue the same", () => {
    const read = readOnce(
      ({ bytes, from }: { bytes: string; from: number }) => `${bytes} from ${from}`,
      (one, other) => one.bytes === other.bytes && one.from === other.from,
    );
    const frames = [1, 1, 2].map((from) => read({ bytes: "same", from }));
    assert.deepEqual(frames, ["same from 1", "same from 1", "same from 2"]);
  });
});

describe("a peer that is cheaper", () => {
  const ours = { system: "SocketScaler", cpu: spreadOf([2]) };
  const floor = { system: wsCoalesced.name, cpu: spreadOf([1]) };

  test("is named with its ratio, the floor and those that cost more are not", () => {
    const rows = [ours, floor, { system: "peer", cpu: spreadOf([1.5]) }, { system: "dear", cpu: spreadOf([3]) }];
    const notes = cheaperNotes(rows);
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? "", /^peer .* 0\.75 ×/);
  });

  test("is not made up", () => {
    const unmeasured = { system: "peer", cpu: spreadOf([Number.NaN]) };
    assert.deepEqual(cheaperNotes([ours, floor, unmeasured]), []);
  });
});

test("a trial of the knee may miss as many changes as its method says, and no more", () => {
  const arriving = (percent: number) =>
    judgeTrial({ rate: 100, acknowledged: percent, p99: 1, codes: [] }, 150).failure;
  assert.equal(arriving(100 - MISSING_PERCENT_MAX), undefined);
  assert.notEqual(arriving(100 - MISSING_PERCENT_MAX - 1), undefined);
});

describe("running scenarios", () => {
  const finding: Finding = {
    method: "So.",
    columns: { system: "system" },
    rows: [{ system: "SocketScaler" }],
    targets: [{ text: "cost", measured: 2, bound: 1, sense: "at most", unit: "×" }],
  };
  const scenario = (found: Partial<Finding> = {}, name = "cost"): Scenario => ({
    name,
    question: "What does it cost?",
    run: async () => ({ ...finding, ...found }),
  });

  async function run(scenarios: readonly Scenario[], ...args: string[]) {
    const recorded: string[] = [];
    const printed: string[] = [];
    const told: string[] = [];
    const code = await runScenarios(scenarios, {
      args,
      record: ({ name }) => void recorded.push(name),
      print: (text) => void printed.push(text),
      tell: (line) => void told.push(line),
    });
    return { code, recorded, printed: printed.join(""), told: told.join("\n") };
  }

  test("records what was found, targets missed or not", async () => {
    const { code, recorded, printed } = await run([scenario()]);
    assert.equal(code, 0);
    assert.deepEqual(recorded, ["cost"]);
    assert.match(printed, /NOT MET/);
  });

  test("prints a quick look and does not record it", async () => {
    const { code, recorded, printed } = await run([scenario()], "--quick");
    assert.equal(code, 0);
    assert.deepEqual(recorded, []);
    assert.match(printed, /What does it cost/);
  });

  test("fails with a line if SocketScaler has a fault, and does not record it", async () => {
    const { code, recorded, told } = await run([scenario({ faults: ["SocketScaler: 1 lost writes"] })]);
    assert.equal(code, 1);
    assert.deepEqual(recorded, []);
    assert.match(told, /cost failed: SocketScaler: 1 lost writes/);
  });

  test("continues after a scenario that cannot be run, and fails in the end", async () => {
    const broken: Scenario = { ...scenario({}, "broken"), run: () => Promise.reject(new Error("no server")) };
    const { code, recorded, told } = await run([broken, scenario()]);
    assert.equal(code, 1);
    assert.deepEqual(recorded, ["cost"]);
    assert.match(told, /broken failed: Error: no server/);
  });

  test("runs only those named, and none if a name is unknown", async () => {
    const other = scenario({}, "other");
    assert.deepEqual((await run([scenario(), other], "--only", "other")).recorded, ["other"]);
    const unknown = await run([scenario(), other], "--only", "cost,nothing");
    assert.equal(unknown.code, 2);
    assert.deepEqual(unknown.recorded, []);
  });

  test("says of a quick run that it was not warmed up, and of no other", async () => {
    assert.match((await run([scenario()], "--quick")).printed, /--quick: .* not warmed up/);
    assert.doesNotMatch((await run([scenario()])).printed, /warmed up/);
  });

  test("lists each name with its question, and runs nothing", async () => {
    const { code, recorded, printed } = await run([scenario(), scenario({}, "other")], "--list");
    assert.equal(code, 0);
    assert.deepEqual(recorded, []);
    assert.equal(printed, "cost   What does it cost?\nother  What does it cost?\n");
  });
});
