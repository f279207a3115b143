/** Series for tests: noise about a falling loss, and the same in the service's buckets. */

import type { Series, WireSeries } from "../src/pure/history.ts";

/** Noise that is the same each time, 0 to 1. */
function* noise(): Generator<number, never> {
  for (let state = 12_345; ; state = (state * 1_103_515_245 + 12_345) % 2 ** 31) yield state / 2 ** 31;
}

export function everyPoint(size: number): Series {
  const chance = noise();
  const steps = Array.from({ length: size }, (_, i) => i);
  // Skewed noise: the middle between its extremes is far from its mean.
  return { steps, values: steps.map((step) => 1 / (1 + step / 500) + 2 * chance.next().value ** 6) };
}

/** As /history answers with `max_points`: even runs of points, the last point of each shown. */
export function inBuckets({ steps, values }: Series, most: number): WireSeries {
  const made = { steps: [], values: [], min: [], max: [], mean: [], count: [] } as Record<
    "steps" | "values" | "min" | "max" | "mean" | "count",
    number[]
  >;
  for (let i = 0; i < most; i += 1) {
    const [start, end] = [Math.floor((i * steps.length) / most), Math.floor(((i + 1) * steps.length) / most)];
    const run = values.slice(start, end);
    const at = i === 0 ? 0 : end - 1;
    made.steps.push(steps[at] ?? NaN);
    made.values.push(values[at] ?? NaN);
    made.min.push(Math.min(...run));
    made.max.push(Math.max(...run));
    made.mean.push(run.reduce((a, b) => a + b) / run.length);
    made.count.push(run.length);
  }
  return made;
}
