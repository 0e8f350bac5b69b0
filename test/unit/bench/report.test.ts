/* Reports of recorded results: medians, verdicts on targets, the page. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMet, median, show, spreadOf, type Target } from "../../../bench/load/outcome.js";
import { makeReport, type Recorded } from "../../../bench/load/report-text.js";
import { summaryOf } from "../../../bench/load/summary.js";
import { readTheme } from "../../../scripts/theme.js";

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

describe("the summary", () => {
  const cpu = (costs: Readonly<Record<string, number>>): Recorded => ({
    ...recorded,
    name: "cpu-200",
    columns: [],
    rows: Object.entries(costs).map(([system, cost]) => ({ system, cpu: spreadOf([cost]), lost: 0, diverged: 0 })),
  });
  const COLYSEUS = "Colyseus + Redis presence";
  const PLAIN = "ws + Pub/Sub";

  test("says against whom ours is better and worse, by how much, and what that means", () => {
    const lines = summaryOf([cpu({ SocketScaler: 2, [COLYSEUS]: 1, [PLAIN]: 8 })]);
    const [better = "", worse = ""] = ["does better", "does worse"].map((title) => {
      const at = lines.findIndex((line) => line.includes(title));
      return lines[at + 2] ?? "";
    });
    assert.match(better, /0\.25 × that of ws \+ Pub\/Sub\. The same servers carry 4 × as many changes\.$/);
    assert.match(worse, /2 × that of Colyseus \+ Redis presence\. The same traffic needs 2 × the CPU\.$/);
  });

  test("calls a small difference none, and compares with nobody that was not measured", () => {
    const lines = summaryOf([cpu({ SocketScaler: 2, [COLYSEUS]: 2.04, [PLAIN]: Number.NaN })]).join("\n");
    assert.match(lines, /no significant difference/);
    assert.doesNotMatch(lines, /does better|does worse|that of ws/);
  });

  test("takes more for better where it is", () => {
    const rows = [
      { system: "SocketScaler", knee: 900 },
      { system: PLAIN, knee: 300 },
    ];
    const lines = summaryOf([{ ...recorded, name: "knee", rows }]).join("\n");
    assert.match(lines, /does better[\s\S]*3 × that of ws \+ Pub\/Sub\. A deployment takes 3 × the writes/);
  });

  test("names systems that were wrong, and is not there without results", () => {
    const { rows, ...rest } = cpu({ SocketScaler: 2, [PLAIN]: 4 });
    const wrong = rows.map((row) => (row.system === PLAIN ? { ...row, lost: 3 } : row));
    assert.match(summaryOf([{ ...rest, rows: wrong }]).join("\n"), /differed from the store: ws \+ Pub\/Sub\./);
    assert.deepEqual(summaryOf([recorded]), []);
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

  test("draws charts in the colours of the app, and says what tells the rows of one system apart", () => {
    const sizes = [1, 1_000].map((sockets) => ({ system: "SocketScaler", sockets, cost: sockets }));
    const columns = [
      ...recorded.columns.slice(0, 1),
      { key: "sockets", label: "sockets" },
      ...recorded.columns.slice(1),
    ];
    const svg = makeReport([{ ...recorded, columns, rows: sizes }]).charts.get("cost.svg") ?? "";
    const groups = Array.from(svg.matchAll(/class="group">([^<]*)</g), ([, name]) => name);
    assert.deepEqual(groups, ["sockets: 1", "sockets: 1,000"]);
    for (const theme of Object.values(readTheme())) assert.ok(svg.includes(`.ours{fill:${theme.get("--accent")}}`));
  });

  test("says plainly what is not met", () => {
    const missed = { ...recorded, targets: [{ ...target, measured: 0.5 }] };
    const { markdown } = makeReport([missed]);
    assert.match(markdown, /0\.5 × \| at most 0\.125 × \| {2}\| \*\*not met\*\*/);
  });
});
