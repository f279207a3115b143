/** Buckets of a series: put together, cut, and made fewer, so that mean and range stay those of every point. */

import type { Buckets, Series } from "./history.ts";

/** A point of its own is a bucket of one. */
function bucketsOf({ values, buckets }: Series): Buckets {
  return buckets ?? { min: values, max: values, mean: values, count: values.map(() => 1) };
}

/** `a`, then `b`. */
export function join(a: Series, b: Series): Series {
  const points = { steps: [...a.steps, ...b.steps], values: [...a.values, ...b.values] };
  if (!a.buckets && !b.buckets) return points;
  const [x, y] = [bucketsOf(a), bucketsOf(b)];
  const buckets = {
    min: [...x.min, ...y.min],
    max: [...x.max, ...y.max],
    mean: [...x.mean, ...y.mean],
    count: [...x.count, ...y.count],
  };
  return { ...points, buckets };
}

/** The points from position `from` up to, not including, `to`. */
export function slice({ steps, values, buckets }: Series, from: number, to: number): Series {
  const points = { steps: steps.slice(from, to), values: values.slice(from, to) };
  if (!buckets) return points;
  const { min, max, mean, count } = buckets;
  const cut = (numbers: readonly number[]): readonly number[] => numbers.slice(from, to);
  return { ...points, buckets: { min: cut(min), max: cut(max), mean: cut(mean), count: cut(count) } };
}

/**
 * At most `capacity` points, each a bucket of what an even stretch of the steps holds. The first and the last point
 * stay in sight; of the others what is no number, else what is farthest from its bucket's mean.
 */
export function thin(series: Series, capacity: number): Series {
  const size = series.steps.length;
  if (size <= capacity) return series;
  const first = series.steps[0] ?? 0;
  const width = ((series.steps[size - 1] ?? 0) - first + 1) / capacity;
  const bucketAt = (at: number): number => Math.floor(((series.steps[at] ?? 0) - first) / width);
  const whole = bucketsOf(series);
  const made = { min: [], max: [], mean: [], count: [] } as Record<keyof Buckets, number[]>;
  const shown: number[] = [];
  for (let start = 0, end = 0; start < size; start = end) {
    while (end < size && bucketAt(end) === bucketAt(start)) end += 1;
    const one = together(whole, start, end);
    for (const name of ["min", "max", "mean", "count"] as const) made[name].push(one[name]);
    shown.push(start === 0 ? 0 : end === size ? size - 1 : strangest(series.values, start, end, one.mean));
  }
  return {
    steps: shown.map((at) => series.steps[at] ?? 0),
    values: shown.map((at) => series.values[at] ?? NaN),
    buckets: made,
  };
}

/** The buckets from `start` up to `end` as one; those without a finite value only count. */
function together(all: Buckets, start: number, end: number): Record<keyof Buckets, number> {
  let [min, max, sum, weight, count] = [Infinity, -Infinity, 0, 0, 0];
  for (let at = start; at < end; at += 1) {
    const [mean, points] = [all.mean[at] ?? NaN, all.count[at] ?? 0];
    count += points;
    if (!Number.isFinite(mean)) continue;
    min = Math.min(min, all.min[at] ?? NaN);
    max = Math.max(max, all.max[at] ?? NaN);
    [sum, weight] = [sum + points * mean, weight + points];
  }
  return weight > 0 ? { min, max, mean: sum / weight, count } : { min: NaN, max: NaN, mean: NaN, count };
}

function strangest(values: readonly number[], start: number, end: number, mean: number): number {
  const strangeness = (at: number): number => {
    const value = values[at] ?? NaN;
    return Number.isNaN(value) ? Infinity : Number.isFinite(value) ? Math.abs(value - mean) : Number.MAX_VALUE;
  };
  let best = start;
  for (let at = start + 1; at < end; at += 1) if (strangeness(at) > strangeness(best)) best = at;
  return best;
}
