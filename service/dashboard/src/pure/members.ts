/** On how many workers a job ran. */

interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Working {
  readonly is_terminal: boolean;
  readonly started_at: string | null;
  readonly workers: { readonly wanted: number; readonly active: number };
}

/** Who works at a job now, or, from its events, how many did at a time at most. */
export function workersOf(job: Working, events: readonly Told[]): string {
  const { active, wanted } = job.workers;
  if (!job.is_terminal) return `${active} of ${wanted}`;
  if (job.started_at === null) return `none, ${wanted} wanted`;
  const most = events
    .filter((event) => event.type === "member_joined")
    .reduce((size, { data }) => Math.max(size, Number(data["world_size"] ?? 1)), 1);
  return most >= wanted ? `${most}` : `${most} at most, ${wanted} wanted`;
}
