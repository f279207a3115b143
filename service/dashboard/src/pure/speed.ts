/** Steps a second, from what polls saw within the last seconds. */

export interface Sighting {
  readonly at: number;
  readonly step: number;
}

const WINDOW_MS = 6_000;

/** `sightings` with one more; older ones than the window go, and a step that went back (a resume) starts afresh. */
export function sight(sightings: readonly Sighting[], next: Sighting): readonly Sighting[] {
  const last = sightings.at(-1);
  if (last !== undefined && next.step < last.step) return [next];
  if (last !== undefined && next.step === last.step) return sightings;
  return [...sightings.filter((one) => next.at - one.at <= WINDOW_MS), next];
}

/** Steps a second over the window, or null while it cannot be told. */
export function speedOf(sightings: readonly Sighting[]): number | null {
  const first = sightings[0];
  const last = sightings.at(-1);
  if (first === undefined || last === undefined || last.at - first.at < 200) return null;
  return ((last.step - first.step) * 1000) / (last.at - first.at);
}
