/** A job's recorded series on this side: merging what polls bring, and keeping them small enough to draw. */

export interface Series {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export type WireNumber = number | string | null;
export type WireHistory = Readonly<Record<string, { steps: number[]; values: WireNumber[] }>>;
export type History = Readonly<Record<string, Series>>;

export const EMPTY: Series = { steps: [], values: [] };

/** Non-finite numbers travel as the strings "NaN", "Infinity" and "-Infinity". */
export function toNumber(value: WireNumber): number {
  return value === null ? NaN : Number(value);
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
  for (const [name, { steps, values }] of Object.entries(news)) {
    const old = merged[name] ?? EMPTY;
    const last = old.steps.at(-1) ?? -1;
    const from = steps.findIndex((step) => step > last);
    if (from < 0) {
      merged[name] ??= EMPTY;
      continue;
    }
    const joined = {
      steps: [...old.steps, ...steps.slice(from)],
      values: [...old.values, ...values.slice(from).map(toNumber)],
    };
    merged[name] = joined.steps.length > 2 * capacity ? thin(joined, capacity) : joined;
  }
  return merged;
}

/**
 * At most `capacity` points (even, >= 4) that show the same envelope: of each stretch of steps the lowest and the
 * highest value, and always the first and last point. Thinning twice keeps what thinning once would have kept.
 */
export function thin(series: Series, capacity: number): Series {
  const count = series.steps.length;
  if (count <= capacity) return series;
  const first = series.steps[0] ?? 0;
  const last = series.steps[count - 1] ?? 0;
  const width = (last - first + 1) / Math.max(1, capacity / 2 - 1);
  const kept = new Set<number>([0, count - 1]);
  let start = 0;
  while (start < count) {
    const bucket = Math.floor(((series.steps[start] ?? 0) - first) / width);
    let end = start;
    while (end < count && Math.floor(((series.steps[end] ?? 0) - first) / width) === bucket) end += 1;
    for (const index of extremes(series.values, start, end)) kept.add(index);
    start = end;
  }
  const chosen = [...kept].sort((a, b) => a - b);
  return {
    steps: chosen.map((i) => series.steps[i] ?? 0),
    values: chosen.map((i) => series.values[i] ?? NaN),
  };
}

/** Positions of the lowest and highest of values[start..end); a NaN is worth showing and wins. */
function extremes(values: readonly number[], start: number, end: number): [number, number] {
  let low = start;
  let high = start;
  for (let i = start; i < end; i += 1) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value)) return [i, high];
    if (value < (values[low] ?? NaN)) low = i;
    if (value > (values[high] ?? NaN)) high = i;
  }
  return [low, high];
}

/** Shorter series than this are clear enough without a trend. */
const TREND_FROM = 200;
/** A series is restless when its ups and downs add up to this many times its range; a smooth one needs no trend. */
const RESTLESS = 8;

/**
 * A smoothed line through a restless series: at each point the mean of the finite values within 1 % of the run to
 * each side, and less near the ends, so that the line begins and ends where the series does. Else empty. Of a thinned
 * series it is the middle between the extremes rather than the mean.
 */
export function trend({ steps, values }: Series): Series {
  if (steps.length < TREND_FROM || !isRestless(values)) return EMPTY;
  const first = steps[0] ?? 0;
  const last = steps.at(-1) ?? 0;
  const smooth: number[] = [];
  let [from, to, sum, finite] = [0, 0, 0, 0];
  // Both edges of the window only ever move forward, so this takes one pass.
  for (const step of steps) {
    const reach = Math.min((last - first) / 100, step - first, last - step);
    for (; to < steps.length && (steps[to] ?? 0) <= step + reach; to += 1) {
      const value = values[to] ?? NaN;
      if (Number.isFinite(value)) [sum, finite] = [sum + value, finite + 1];
    }
    for (; (steps[from] ?? 0) < step - reach; from += 1) {
      const value = values[from] ?? NaN;
      if (Number.isFinite(value)) [sum, finite] = [sum - value, finite - 1];
    }
    smooth.push(finite > 0 ? sum / finite : NaN);
  }
  return { steps, values: smooth };
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

/** Whether a series grew so far that only a log scale can show how it did. */
export function explodes({ values }: Series): boolean {
  const first = Math.abs(values.find(Number.isFinite) ?? NaN);
  return values.some((value) => value > EXPLOSION * Math.max(1, first));
}

const EXPLOSION = 1e6;

/** The part of each series up to a step. */
export function until(history: History, high: number): History {
  const cut = ({ steps, values }: Series): Series => {
    const end = steps.findIndex((step) => step > high);
    return end < 0 ? { steps, values } : { steps: steps.slice(0, end), values: values.slice(0, end) };
  };
  return Object.fromEntries(Object.entries(history).map(([name, series]) => [name, cut(series)]));
}

/** The first value that cannot be drawn (NaN or an infinity), for the note under the curve. */
export function firstNonFinite(series: Series): { step: number; value: number } | null {
  const index = series.values.findIndex((value) => !Number.isFinite(value));
  return index < 0 ? null : { step: series.steps[index] ?? 0, value: series.values[index] ?? NaN };
}
