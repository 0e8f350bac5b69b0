/* Reports of recorded results: medians, verdicts on targets, the page. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMet, median, show, spreadOf, type Target } from "../../../bench/load/outcome.js";
import { makeReport, type Recorded } from "../../../bench/load/report-text.js";

const target: Target = { text: "cost, of the peer's", measured: 0.1, bound: 0.125, sense: "at most", unit: "×" };

const recorded: Recorded = {
  date: "2026-11-24T12:00:00.000Z",
  commit: "abc",
  machine: { system: "Linux", cpu: "a cpu", cores: 2, memoryGiB: 4 },
  versions: { Node: "20" },
  peers: { ws: "8" },
  name: "cost",
  question: "How much does it cost",
  method: "So.",
  columns: [
    { key: "system", label: "system" },
    { key: "cost", label: "CPU, µs" },
  ],
  rows: [
    { system: "SocketScaler", cost: spreadOf([1, 3, 2]) },
    { system: "a <peer>", cost: 20 },
  ],
  targets: [target],
  notes: [],
  chart: "cost",
};

describe("an outcome", () => {
  test("has the median of its rounds, with the lowest and the highest", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(show(spreadOf([1, 3, 2])), "2 (1–3)");
    assert.equal(show(spreadOf([2, 2])), "2");
    assert.equal(show(1_234.5), "1,235");
    assert.equal(show(0.123456), "0.123");
    assert.equal(show(null), "-");
  });

  test("meets a target on the right side of its bound, and never without a measurement", () => {
    assert.equal(isMet(target), true);
    assert.equal(isMet({ ...target, measured: 0.126 }), false);
    assert.equal(isMet({ ...target, measured: 20, bound: 20, sense: "at least" }), true);
    assert.equal(isMet({ ...target, measured: 19.9, bound: 20, sense: "at least" }), false);
    assert.equal(isMet({ ...target, measured: null }), false);
    assert.equal(isMet({ ...target, measured: Number.NaN }), false);
  });
});

describe("the report", () => {
  test("has the rows, the machine, the commit and a chart with ours marked", () => {
    const { markdown, charts } = makeReport([recorded]);
    for (const part of [
      "| SocketScaler | 2 (1–3) |",
      "commit abc",
      "Node 20",
      "2 × a cpu",
      "(results/cost.svg)",
      "| met |",
    ]) {
      assert.ok(markdown.includes(part), part);
    }
    const svg = charts.get("cost.svg") ?? "";
    assert.equal(svg.match(/<rect/g)?.length, 2);
    assert.equal(svg.match(/class="ours"/g)?.length, 1);
    assert.ok(svg.includes("a &lt;peer&gt;"));
  });

  test("says plainly what is not met", () => {
    const missed = { ...recorded, targets: [{ ...target, measured: 0.5 }] };
    const { markdown } = makeReport([missed]);
    assert.match(markdown, /0\.5 × \| at most 0\.125 × \| \*\*not met\*\*/);
  });
});
