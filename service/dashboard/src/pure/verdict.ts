/** What came of a job that verifies another. */

export interface Verdict {
  readonly sign: "same" | "different" | "unreadable";
  readonly text: string;
}

interface Compared {
  readonly matches?: boolean;
  readonly not_comparable?: string;
}

/** null: the job verifies none, or is not over yet. */
export function verdictOf(result: Compared | null): Verdict | null {
  if (result?.not_comparable !== undefined)
    return { sign: "unreadable", text: `Not comparable: ${result.not_comparable}` };
  if (result?.matches === undefined) return null;
  return result.matches
    ? { sign: "same", text: "The same weights, bit for bit." }
    : { sign: "different", text: "Other weights than the job that it verifies." };
}

/** On how many workers a job can be trained again: at most one for each of its shards, a formula's on one. */
export function mostWorkers(spec: Readonly<Record<string, unknown>> | null): number {
  const shards = spec?.["shards"];
  return typeof shards === "number" ? shards : 1;
}
