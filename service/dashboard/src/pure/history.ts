/** A job's recorded series on this side: merging what polls bring, and keeping them small enough to draw. */

import type { History as Answer, Points } from "../api/models.ts";
import { join, slice, thin } from "./buckets.ts";

/** What the points of each bucket are together; a mean that is no number is one of no finite values. */
export interface Buckets {
  readonly min: readonly number[];
  readonly max: readonly number[];
  readonly mean: readonly number[];
  /** How many points each holds. */
  readonly count: readonly number[];
}

/** Every point of a series, or one of each of its buckets. */
export interface Series {
  readonly steps: readonly number[];
  readonly values: readonly number[];
  /** There where points were left out. */
  readonly buckets?: Buckets;
}

export type WireHistory = Answer["series"];
export type WireSeries = Points;
type WireNumber = Points["values"][number];
export type History = Readonly<Record<string, Series>>;

export const EMPTY: Series = { steps: [], values: [] };

/** Non-finite numbers travel as the strings "NaN", "Infinity" and "-Infinity". */
export function toNumber(value: WireNumber): number {
  return Number(value);
}

/** The last recorded step over all series; -1 when there is none. What `since_step` of the next poll is. */
export function lastStep(history: History): number {
  return Object.values(history).reduce((last, series) => Math.max(last, series.steps.at(-1) ?? -1), -1);
}

/**
 * `history` with `news` after it. A replayed or doubled answer adds nothing: steps grow strictly within a series.
 * Each series is thinned once it has more than `2 * capacity` points, so a poll costs the same after a million steps.
 */
export function merge(history: History, news: WireHistory, capacity: number): History {
  const merged: Record<string, Series> = { ...history };
  for (const [name, wire] of Object.entries(news)) {
    const old = merged[name] ?? EMPTY;
    const last = old.steps.at(-1) ?? -1;
    const from = wire.steps.findIndex((step) => step > last);
    const joined = from < 0 ? old : join(old, slice(seriesOf(wire), from, wire.steps.length));
    merged[name] = joined.steps.length > 2 * capacity ? thin(joined, capacity) : joined;
  }
  return merged;
}

function seriesOf({ steps, values, min, max, mean, count }: WireSeries): Series {
  const points = { steps, values: values.map(toNumber) };
  if (!min || !max || !mean || !count) return points;
  return {
    ...points,
    buckets: { min: min.map(toNumber), max: max.map(toNumber), mean: mean.map(toNumber), count },
  };
}

/** The part of each series up to a step. */
export function until(history: History, high: number): History {
  const cut = (series: Series): Series => {
    const end = series.steps.findIndex((step) => step > high);
    return end < 0 ? series : slice(series, 0, end);
  };
  return Object.fromEntries(Object.entries(history).map(([name, series]) => [name, cut(series)]));
}

/** The least finite value of all points, also of those that were left out; infinity without one. */
export function lowest({ values, buckets }: Series): number {
  return (buckets?.min ?? values).filter(Number.isFinite).reduce((a, b) => Math.min(a, b), Infinity);
}

/** Whether a series grew so far that only a log scale can show how it did. */
export function explodes({ values, buckets }: Series): boolean {
  const first = Math.abs(values.find(Number.isFinite) ?? NaN);
  return (buckets?.max ?? values).some((value) => value > EXPLOSION * Math.max(1, first));
}

const EXPLOSION = 1e6;

/** The first value that cannot be drawn (NaN or an infinity), for the note under the curve. */
export function firstNonFinite(series: Series): { step: number; value: number } | null {
  const index = series.values.findIndex((value) => !Number.isFinite(value));
  return index < 0 ? null : { step: series.steps[index] ?? 0, value: series.values[index] ?? NaN };
}
