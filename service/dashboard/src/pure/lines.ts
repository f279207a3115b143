/** What a curve draws of a series: a line, the range that it is the middle of, and the points themselves. */

import { EMPTY, type Series } from "./history.ts";

export interface Lines {
  readonly steps: readonly number[];
  /** The bold line: the points, the means of the buckets, or the mean over near steps. */
  readonly line: readonly number[];
  /** The least and the greatest value of each bucket, for the shade; absent where every point is there. */
  readonly range?: { readonly low: readonly number[]; readonly high: readonly number[] };
  /** Every point, faintly, behind a line that is smoother. */
  readonly points?: readonly number[];
}

/** `smooth`: whether a restless series gets a line through its middle. */
export function linesOf(series: Series, smooth: boolean): Lines {
  const { steps, values, buckets } = series;
  const smoothed = smooth ? trend(series) : EMPTY;
  const isSmoothed = smoothed.steps.length > 0;
  if (buckets) {
    const line = isSmoothed ? smoothed.values : buckets.mean;
    return { steps, line, range: { low: buckets.min, high: buckets.max } };
  }
  return isSmoothed ? { steps, line: smoothed.values, points: values } : { steps, line: values };
}

/** Shorter series than this are clear enough without a trend. */
const TREND_FROM = 200;
/** A series is restless when its ups and downs add up to this many times its range; a smooth one needs no trend. */
const RESTLESS = 8;

/**
 * A smoothed line through a restless series: at each point the mean of the finite values within 1 % of the run to
 * each side, and less near the start, so that the line begins where the series does. Else empty. A bucket
 * weighs as many points as it holds, so that it is the mean of every point.
 */
export function trend({ steps, values, buckets }: Series): Series {
  const means = buckets?.mean ?? values;
  if (steps.length < TREND_FROM || !isRestless(means)) return EMPTY;
  const first = steps[0] ?? 0;
  const last = steps.at(-1) ?? 0;
  const window = new Window(means, buckets?.count ?? null);
  let [from, to] = [0, 0];
  const smooth = steps.map((step) => {
    const reach = Math.min((last - first) / 100, step - first);
    while (to < steps.length && (steps[to] ?? 0) <= step + reach) to += 1;
    while ((steps[from] ?? 0) < step - reach) from += 1;
    return window.mean(from, to);
  });
  return { steps, values: smooth };
}

/**
 * Means of stretches whose two ends only move forward. Nothing is subtracted: what a sum of 1e20 has swallowed, taking
 * the 1e20 away does not bring back.
 */
class Window {
  private readonly values: readonly number[];
  private readonly weights: readonly number[] | null;
  /** Sums from a position to `middle`, and from there to `end`: of the values, and of their weights. */
  private readonly front: (readonly [number, number])[] = [];
  private back: readonly [number, number] = [0, 0];
  private middle = 0;
  private end = 0;

  constructor(values: readonly number[], weights: readonly number[] | null) {
    this.values = values;
    this.weights = weights;
  }

  /** Of the finite values from position `from` up to, not including, `to`; NaN without one. */
  mean(from: number, to: number): number {
    for (; this.end < to; this.end += 1) this.back = this.plus(this.back, this.end);
    if (from >= this.middle) this.turn(from);
    const [sum, weight] = this.front[from] ?? [0, 0];
    return (sum + this.back[0]) / (weight + this.back[1] || NaN);
  }

  private turn(from: number): void {
    let sums: readonly [number, number] = [0, 0];
    for (let at = this.end - 1; at >= from; at -= 1) this.front[at] = sums = this.plus(sums, at);
    this.middle = this.end;
    this.back = [0, 0];
  }

  private plus([sum, weight]: readonly [number, number], at: number): readonly [number, number] {
    const value = this.values[at] ?? NaN;
    const own = this.weights?.[at] ?? 1;
    return Number.isFinite(value) ? [sum + value * own, weight + own] : [sum, weight];
  }
}

function isRestless(values: readonly number[]): boolean {
  let [low, high, travelled, before] = [Infinity, -Infinity, 0, NaN];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (!Number.isNaN(before)) travelled += Math.abs(value - before);
    before = value;
  }
  return travelled > RESTLESS * (high - low);
}
