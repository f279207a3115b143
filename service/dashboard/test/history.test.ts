import assert from "node:assert/strict";
import { test } from "node:test";
import {
  explodes,
  firstNonFinite,
  lastStep,
  lowest,
  merge,
  until,
  type History,
  type WireHistory,
  type WireSeries,
} from "../src/pure/history.ts";
import { thin } from "../src/pure/buckets.ts";
import { everyPoint, inBuckets } from "./series.ts";

const loss = (from: number, to: number) => {
  const steps = Array.from({ length: to - from }, (_, i) => from + i);
  return { loss: { steps, values: steps.map((step) => 1 / (1 + step)) } };
};

test("polls are put together without gaps or doubles", () => {
  let history: History = {};
  history = merge(history, loss(0, 5), 1000);
  history = merge(history, loss(3, 9), 1000);
  history = merge(history, loss(3, 9), 1000);
  assert.deepEqual(history["loss"]?.steps, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(lastStep(history), 8);
});

test("merging leaves the old history as it was", () => {
  const before = merge({}, loss(0, 3), 1000);
  merge(before, loss(3, 6), 1000);
  assert.equal(before["loss"]?.steps.length, 3);
});

test("a new series joins later, an empty one is kept as such", () => {
  const history = merge(merge({}, loss(0, 3), 1000), { validation_loss: { steps: [], values: [] } }, 1000);
  assert.deepEqual(Object.keys(history), ["loss", "validation_loss"]);
  assert.equal(lastStep({}), -1);
});

test("numbers that JSON lacks come back", () => {
  const wire: WireHistory = { loss: { steps: [0, 1, 2, 3], values: [1, "NaN", "Infinity", "-Infinity"] } };
  const values = merge({}, wire, 1000)["loss"]?.values;
  assert.deepEqual(values, [1, NaN, Infinity, -Infinity]);
  assert.deepEqual(firstNonFinite({ steps: [0, 1], values: [1, NaN] }), { step: 1, value: NaN });
  assert.equal(firstNonFinite({ steps: [0], values: [1] }), null);
});

test("thinning keeps first, last, lowest and highest", () => {
  const steps = Array.from({ length: 100_000 }, (_, i) => i);
  const values = steps.map((step) => Math.sin(step / 900));
  values[54_321] = 77;
  values[12_345] = -77;
  const small = thin({ steps, values }, 500);
  assert.ok(small.steps.length <= 500, String(small.steps.length));
  assert.equal(small.steps[0], 0);
  assert.equal(small.steps.at(-1), 99_999);
  assert.equal(small.values[small.steps.indexOf(54_321)], 77);
  assert.equal(small.values[small.steps.indexOf(12_345)], -77);
  assert.deepEqual(
    small.steps,
    [...new Set(small.steps)].sort((a, b) => a - b),
  );
});

test("thinning shows where the numbers stopped being numbers", () => {
  const steps = Array.from({ length: 5_000 }, (_, i) => i);
  const values = steps.map((step) => (step === 4_000 ? NaN : 1));
  assert.deepEqual(firstNonFinite(thin({ steps, values }, 100)), { step: 4_000, value: NaN });
});

test("a million steps in many polls stay few points", () => {
  let history: History = {};
  for (let start = 0; start < 1_000_000; start += 20_000) {
    const steps = Array.from({ length: 200 }, (_, i) => start + i * 100);
    history = merge(history, { loss: { steps, values: steps.map(Math.cos) } }, 1_000);
  }
  const series = history["loss"];
  assert.ok(series && series.steps.length <= 2_000);
  assert.equal(series.steps[0], 0);
  assert.equal(series.steps.at(-1), 999_900);
});

test("what is thinned again and again keeps the mean and the range of every point", () => {
  const whole = everyPoint(50_000);
  let history: History = {};
  for (let start = 0; start < 50_000; start += 1_000) {
    const news = { steps: whole.steps.slice(start, start + 1_000), values: whole.values.slice(start, start + 1_000) };
    history = merge(history, { loss: start % 3_000 ? inBuckets(news, 40) : news }, 100);
  }
  const loss = history["loss"];
  assert.ok(loss?.buckets);
  const { min, max, mean, count } = loss.buckets;
  assert.equal(count.reduce((a, b) => a + b), 50_000);
  let start = 0;
  for (const [i, points] of count.entries()) {
    const run = whole.values.slice(start, start + points);
    assert.equal(min[i], Math.min(...run));
    assert.equal(max[i], Math.max(...run));
    assert.ok(Math.abs((mean[i] ?? NaN) - run.reduce((a, b) => a + b) / points) < 1e-12);
    start += points;
  }
  assert.equal(lowest(loss), Math.min(...whole.values));
});

test("buckets without a finite value only count", () => {
  const wire: WireSeries = { steps: [0, 9], values: ["NaN", 2], min: ["NaN", 1], max: ["NaN", 3], mean: ["NaN", 2], count: [5, 4] };
  const loss = merge({}, { loss: wire }, 100)["loss"];
  assert.deepEqual(loss?.buckets, { min: [NaN, 1], max: [NaN, 3], mean: [NaN, 2], count: [5, 4] });
  assert.deepEqual(thin(loss, 1), {
    steps: [0],
    values: [NaN],
    buckets: { min: [1], max: [3], mean: [2], count: [9] },
  });
});

test("a history is cut after a step", () => {
  const history = merge({}, { ...loss(0, 9), validation_loss: { steps: [4], values: [1] } }, 100);
  assert.deepEqual(until(history, 5)["loss"]?.steps, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(until(history, 3)["validation_loss"]?.steps, []);
  assert.deepEqual(until(history, 99), history);
  const buckets = { steps: [1, 5], values: [1, 2], min: [0, 1], max: [2, 3], mean: [1, 2], count: [2, 3] };
  assert.deepEqual(until(merge({}, { loss: buckets }, 100), 4)["loss"], {
    steps: [1],
    values: [1],
    buckets: { min: [0], max: [2], mean: [1], count: [2] },
  });
});

test("an explosion is told from a large loss", () => {
  assert.ok(explodes({ steps: [0, 1, 2], values: [1, 1e9, Infinity] }));
  assert.ok(!explodes({ steps: [0, 1, 2], values: [5e8, 1e9, 2e8] }));
  assert.ok(!explodes({ steps: [], values: [] }));
});
