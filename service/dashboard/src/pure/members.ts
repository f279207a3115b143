/** On how many workers a job ran, and who they were. */

interface Working {
  readonly is_terminal: boolean;
  readonly started_at: string | null;
  readonly workers: {
    readonly wanted: number;
    readonly active: number;
    readonly most: number;
    readonly advised: number | null;
  };
}

/** Who works at a job now, or how many did at a time at most; and how many are worth it. */
export function workersOf(job: Working): string {
  const { advised } = job.workers;
  return advised === null ? present(job) : `${present(job)} (${advised} advised)`;
}

function present(job: Working): string {
  const { active, wanted, most } = job.workers;
  if (!job.is_terminal) return `${active} of ${wanted}`;
  if (job.started_at === null) return `none, ${wanted} wanted`;
  return most >= wanted ? `${most}` : `${most} at most, ${wanted} wanted`;
}

/** Those who are there, then those who were, each as they came. */
export function presentFirst<T extends { readonly left: string | null }>(members: readonly T[]): readonly T[] {
  return [...members.filter((one) => one.left === null), ...members.filter((one) => one.left !== null)];
}
