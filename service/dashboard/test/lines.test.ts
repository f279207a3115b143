import assert from "node:assert/strict";
import { test } from "node:test";
import { merge, type Series } from "../src/pure/history.ts";
import { linesOf, trend } from "../src/pure/lines.ts";
import { everyPoint, inBuckets } from "./series.ts";

/** The mean of every point within 1 % of the run to each side of a step. */
function truth({ steps, values }: Series, step: number): number {
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 0];
  const reach = Math.min((last - first) / 100, step - first);
  const near = values.filter((_, i) => Math.abs((steps[i] ?? 0) - step) <= reach);
  return near.reduce((a, b) => a + b) / near.length;
}

for (const [size, most] of [
  [5_000, 2_000],
  [5_000, 400],
  [100_000, 2_000],
  [1_500, 2_000],
] as const) {
  test(`the line through ${size} noisy points in at most ${most} buckets is the mean of every point`, () => {
    const whole = everyPoint(size);
    const wire = size > most ? inBuckets(whole, most) : whole;
    const loss = merge({}, { loss: wire }, 2_000)["loss"];
    assert.ok(loss);
    const { steps, line, range, points } = linesOf(loss, true);
    assert.equal(range === undefined, size <= most);
    assert.equal(points === undefined, size > most);
    const width = size / steps.length;
    for (const [i, step] of steps.entries()) {
      // At both ends fewer points are near.
      if (step < size / 50 || step > size - size / 50) continue;
      // A bucket at an edge of the stretch is in it whole or not at all.
      const slack = (2 * 2 * width) / (size / 50);
      assert.ok(Math.abs((line[i] ?? NaN) - truth(whole, step)) <= slack, `${step}: ${line[i]} for ${truth(whole, step)}`);
    }
    const all = whole.values.reduce((a, b) => a + b) / size;
    const drawn = line.reduce((a, b) => a + b) / line.length;
    assert.ok(Math.abs(drawn / all - 1) < 0.02, `${drawn} for ${all}`);
  });
}

test("the shade is the range of every point", () => {
  const whole = everyPoint(5_000);
  const loss = merge({}, { loss: inBuckets(whole, 100) }, 2_000)["loss"];
  const { line, range } = linesOf(loss ?? whole, false);
  for (let i = 0; i < 100; i += 1) {
    const run = whole.values.slice(i * 50, (i + 1) * 50);
    assert.equal(range?.low[i], Math.min(...run));
    assert.equal(range?.high[i], Math.max(...run));
    assert.ok(Math.abs((line[i] ?? NaN) - run.reduce((a, b) => a + b) / 50) < 1e-12);
  }
});

test("a trend is a mean over near steps and skips what is no number", () => {
  const steps = Array.from({ length: 1_000 }, (_, i) => i * 3);
  const values = steps.map((_, i) => (i === 500 ? NaN : i % 2 ? 3 : 1));
  const line = trend({ steps, values });
  assert.deepEqual(line.steps, steps);
  assert.ok(line.values.slice(20, -20).every((value) => Math.abs(value - 2) < 0.12));
  assert.equal(line.values[0], 1);
  assert.ok(Math.abs((line.values.at(-1) ?? NaN) - 2) < 0.2);
});

test("a bucket weighs as many points as it holds", () => {
  const steps = Array.from({ length: 1_000 }, (_, i) => i);
  const mean = steps.map((_, i) => (i % 2 ? 3 : 1));
  const buckets = { min: mean, max: mean, mean, count: steps.map((_, i) => (i % 2 ? 3 : 1)) };
  const line = trend({ steps, values: mean, buckets });
  assert.ok(line.values.slice(20, -20).every((value) => Math.abs(value - 2.5) < 0.12));
});

test("large values leave nothing behind in the mean of small ones after them", () => {
  const steps = Array.from({ length: 1_000 }, (_, i) => i);
  const values = steps.map((_, i) => (i < 50 ? 1e20 : 1) * (i % 2 ? 3 : 1));
  // Restless also after the fall: a range of 1e20 must be crossed often.
  const line = trend({ steps, values });
  assert.ok(line.values.slice(100, -20).every((value) => Math.abs(value - 2) < 0.12));
});

test("a short or a smooth series gets no trend", () => {
  const steps = Array.from({ length: 1_000 }, (_, i) => i);
  assert.equal(trend({ steps: [0, 1], values: [1, 2] }).steps.length, 0);
  assert.equal(trend({ steps, values: steps.map((step) => Math.exp(-step / 100)) }).steps.length, 0);
});
