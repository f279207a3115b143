/** How long to wait before the next look at the service. Times are in milliseconds. */

export interface Pace {
  /** The wait that was used last; 0 before the first look. */
  readonly delay: number;
  /** Looks in a row that got no answer. */
  readonly failures: number;
}

export type Outcome = "moved" | "still" | "failed";

export interface Limits {
  readonly fastest: number;
  readonly slowest: number;
}

export const START: Pace = { delay: 0, failures: 0 };
export const JOB_LIMITS: Limits = { fastest: 500, slowest: 10_000 };
/** Between two looks at a job in a tab that nobody sees. */
export const HIDDEN_DELAY = 10_000;
export const LIST_LIMITS: Limits = { fastest: 1_000, slowest: 10_000 };

const GROWTH = 1.6;
const FIRST_RETRY = 1_000;
const SLOWEST_RETRY = 15_000;

/**
 * The next pace: back to `fastest` when something moved, growing towards `slowest` while nothing does, and doubling
 * while the service does not answer. `wished` is the service's own wish (X-Poll-Interval); it is a floor.
 */
export function nextPace(pace: Pace, outcome: Outcome, limits: Limits, wished = 0): Pace {
  if (outcome === "failed") {
    const failures = pace.failures + 1;
    return { delay: Math.min(SLOWEST_RETRY, FIRST_RETRY * 2 ** (failures - 1)), failures };
  }
  const grown = Math.min(limits.slowest, Math.max(limits.fastest, pace.delay * GROWTH));
  // After an outage the old delay is the retry's, not a measure of how calm the service is.
  const delay = outcome === "moved" || pace.failures > 0 ? limits.fastest : grown;
  return { delay: Math.max(delay, wished), failures: 0 };
}

/** X-Poll-Interval or Retry-After in seconds, as milliseconds; anything that is not a sensible number is ignored. */
export function wishOf(header: string | null): number {
  const seconds = header === null ? NaN : Number(header);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0;
}
