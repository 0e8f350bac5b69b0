/* The load generator's pure parts: what load it makes, how it searches, what it draws. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lineChart } from "../../../src/bench/chart.js";
import { findMax, judgeTrial } from "../../../src/bench/find-max.js";
import { Probes, ProbeTurns } from "../../../src/bench/probes.js";
import { BadScenario, readScenario, SPREADS } from "../../../src/bench/scenario.js";
import { createPicker } from "../../../src/bench/spread.js";
import { mulberry } from "../../support/random.js";

describe("a scenario", () => {
  test("has a default for everything but the URLs", () => {
    const scenario = readScenario(["http://localhost:8000/"], {});
    assert.deepEqual(scenario.urls, ["http://localhost:8000"]);
    assert.equal(scenario.durationMs, 10_000);
    assert.equal(scenario.findMax, false);
    assert.equal(scenario.viewers, 0);
    assert.deepEqual(scenario.measured, ["http://localhost:8000"]);
  });

  test("measures the instances that it names, behind the URLs", () => {
    const { urls, measured } = readScenario(["http://cache"], { measured: "http://one:8000/, http://two:8000" });
    assert.deepEqual([urls, measured], [["http://cache"], ["http://one:8000", "http://two:8000"]]);
  });

  for (const [flags, line] of [
    [{ clients: "0" }, /--clients is "0": expected a whole number/],
    [{ spread: "even" }, /--spread is "even": expected one of uniform, hot, draw/],
    [{ via: "mail" }, /--via is "mail": expected one of lane, relay, feed/],
    [{ measured: "here" }, /--measure is "here": expected URLs such as http/],
    [{ durationMs: "soon" }, /--duration is "soon": expected a number of seconds/],
  ] as const) {
    test(`names the option that is wrong: ${Object.keys(flags)}`, () => {
      assert.throws(() => readScenario(["http://localhost:8000"], flags), line);
    });
  }

  test("refuses what is no URL", () => {
    assert.throws(() => readScenario(["localhost"], {}), BadScenario);
  });
});

describe("a spread", () => {
  for (const spread of SPREADS) {
    for (const cells of [1, 100, 65_536]) {
      test(`${spread} stays inside ${cells} cells`, () => {
        const pick = createPicker(spread, cells, mulberry(7));
        for (let write = 0; write < 5_000; write++) {
          const cell = pick(write % 3);
          assert.ok(Number.isInteger(cell) && cell >= 0 && cell < cells, String(cell));
        }
      });
    }
  }

  test("hot goes nine times of ten to a hundred cells", () => {
    const pick = createPicker("hot", 65_536, mulberry(7));
    const counts = new Map<number, number>();
    for (let write = 0; write < 20_000; write++) {
      const cell = pick(0);
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    const top = [...counts.values()].toSorted((a, b) => b - a).slice(0, 100);
    assert.ok(top.reduce((sum, count) => sum + count, 0) > 0.88 * 20_000);
  });
});

test("draw moves from cell to neighbour, each client on its own line", () => {
  const pick = createPicker("draw", 65_536, mulberry(7));
  const last = new Map<number, number>();
  let steps = 0;
  for (let write = 0; write < 6_000; write++) {
    const client = write % 3;
    const cell = pick(client);
    const before = last.get(client);
    last.set(client, cell);
    if (before !== undefined && [1, 255, 256, 257].includes(Math.abs(cell - before))) steps++;
  }
  assert.ok(steps > 0.95 * 6_000, `${steps} of 6,000 were steps of a line`);
});

describe("a probe", () => {
  test("is timed at every client that shows its last write, and at none that shows an older one", () => {
    const probes = new Probes(100, Probes.memory(100));
    probes.wrote(3, true);
    const ms = probes.seen(probes.cellOf(3), true);
    assert.ok(ms !== undefined && ms >= 0);
    assert.equal(probes.seen(probes.cellOf(3), false), undefined);
    assert.equal(probes.seen(probes.cellOf(3) - 1, true), undefined);
    assert.equal(probes.seen(probes.cellOf(4), true), undefined);
  });

  test("is written by one worker, and not again before its answer and its rest", () => {
    const probes = new Probes(100, Probes.memory(100));
    const taken = [0, 1, 2].map((worker) => {
      const turns = new ProbeTurns(probes, worker, 3);
      const mine: number[] = [];
      for (let probe = turns.take(); probe !== undefined; probe = turns.take()) {
        mine.push(probe);
        turns.wrote(probe, true);
        turns.settled(probe, true);
      }
      return mine;
    });
    assert.deepEqual(
      taken.flat().toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  });

  test("is what the store must have once it is acknowledged, and not while its fate is open", () => {
    const probes = new Probes(10, Probes.memory(10));
    const turns = new ProbeTurns(probes, 0, 1);
    turns.wrote(0, true);
    assert.deepEqual([...turns.acknowledged()], []);
    turns.settled(0, true);
    assert.deepEqual([...turns.acknowledged()], [{ cell: 9, value: true }]);
    turns.wrote(0, false);
    turns.settled(0, false);
    assert.deepEqual([...turns.acknowledged()], []);
  });

  test("is where load does not write", () => {
    const probes = new Probes(100, Probes.memory(100));
    for (let cell = 0; cell < 100; cell++) assert.equal(probes.seen(probes.beside(cell), true), undefined);
    assert.equal(probes.beside(9), 8);
    assert.equal(probes.beside(10), 10);
  });
});

describe("the search for the knee", () => {
  for (const capacity of [3, 40, 777, 5_000]) {
    for (const first of [1, 50, 20_000]) {
      test(`finds ${capacity} from ${first}, to a tenth`, async () => {
        const { knee, trials } = await findMax(first, async (rate) =>
          judgeTrial({ rate, acknowledged: rate, p99: rate <= capacity ? 20 : 200, codes: [] }, 150),
        );
        assert.ok(knee !== null && knee <= capacity && (knee * 1.1 >= capacity || capacity - knee <= 1), String(knee));
        assert.ok(trials.length < 50);
      });
    }
  }

  test("does not take a moment's disturbance for a limit", async () => {
    const tried = new Map<number, number>();
    const { knee } = await findMax(50, async (rate) => {
      tried.set(rate, (tried.get(rate) ?? 0) + 1);
      const isDisturbed = tried.get(rate) === 1 && tried.size % 2 === 0;
      return judgeTrial({ rate, acknowledged: rate, p99: rate > 800 || isDisturbed ? 200 : 20, codes: [] }, 150);
    });
    assert.ok(knee !== null && knee <= 800 && knee * 1.1 >= 800, String(knee));
  });

  test("ends where nothing passes and where everything does", async () => {
    const none = await findMax(100, async (rate) => ({
      rate,
      acknowledged: 0,
      p99: null,
      failure: "no change was seen",
    }));
    assert.equal(none.knee, null);
    const all = await findMax(100, async (rate) => ({ rate, acknowledged: rate, p99: 1 }));
    assert.ok((all.knee ?? 0) > 500_000);
  });

  test("counts refusals, missing writes and a late p99 as failures", () => {
    const good = { rate: 100, acknowledged: 100, p99: 20, codes: [] };
    assert.equal(judgeTrial(good, 150).failure, undefined);
    assert.match(judgeTrial({ ...good, codes: ["BUSY"] }, 150).failure ?? "", /BUSY/);
    assert.match(judgeTrial({ ...good, acknowledged: 80 }, 150).failure ?? "", /80 of 100/);
    assert.match(judgeTrial({ ...good, p99: 151 }, 150).failure ?? "", /151 ms/);
    assert.match(judgeTrial({ ...good, p99: null }, 150).failure ?? "", /seen/);
  });
});

describe("a chart", () => {
  test("breaks its line where nothing was measured, and escapes names", () => {
    const points = [1, 2, null, 4, 5].map((y, x) => ({ x, y }));
    const svg = lineChart({ title: "<t>", xLabel: "s", yLabel: "ms", series: [{ name: "a&b", points }] });
    assert.equal(svg.match(/<polyline/g)?.length, 2);
    assert.equal(svg.match(/<circle/g)?.length, 4);
    assert.ok(svg.includes("&lt;t&gt;") && svg.includes("a&amp;b") && !svg.includes("NaN"));
  });

  test("is drawn without any point", () => {
    const svg = lineChart({ title: "empty", xLabel: "s", yLabel: "ms", series: [{ name: "none", points: [] }] });
    assert.ok(!/NaN|Infinity/.test(svg));
  });
});
