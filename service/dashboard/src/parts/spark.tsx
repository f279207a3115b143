/** The small curve of loss or value of a row in the list, with its last point beside it. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { getHistory } from "../api/calls.ts";
import type { Job } from "../api/models.ts";
import { number } from "../pure/format.ts";
import { merge, type Series } from "../pure/history.ts";
import { linesOf } from "../pure/lines.ts";

const POINTS = 60;
const AT_ONCE = 2;
const WIDTH = 96;
const HEIGHT = 24;

interface Kept {
  readonly version: string;
  readonly series: Series | null;
}

/** The curves of the jobs in sight. Reads what has moved, two at a time, and forgets those out of sight. */
class Sparks {
  readonly kept = signal<ReadonlyMap<string, Kept>>(new Map());
  private waiting: Job[] = [];
  private running = 0;

  show(jobs: readonly Job[]): void {
    const inSight = new Set(jobs.map((job) => job.id));
    const kept = [...this.kept.value].filter(([id]) => inSight.has(id));
    if (kept.length !== this.kept.value.size) this.kept.value = new Map(kept);
    this.waiting = jobs.filter(
      (job) => job.progress.step > 0 && this.kept.value.get(job.id)?.version !== version(job),
    );
    for (let i = this.running; i < AT_ONCE; i += 1) void this.work();
  }

  private async work(): Promise<void> {
    this.running += 1;
    for (let job = this.waiting.shift(); job !== undefined; job = this.waiting.shift()) {
      try {
        const query = { series: "loss,value", max_points: POINTS, since_step: null };
        const wire = await getHistory(job.id, query, AbortSignal.timeout(10_000));
        const { loss, value } = merge({}, wire, POINTS);
        const series = loss ?? value ?? null;
        this.kept.value = new Map(this.kept.value).set(job.id, { version: version(job), series });
      } catch {
        // A row without its small curve is no harm: the next look at the list asks again.
        this.waiting = [];
      }
    }
    this.running -= 1;
  }
}

const version = (job: Job): string => `${job.status} ${job.progress.step}`;

export const sparks = new Sparks();

export function Spark({ job }: { job: Job }): JSX.Element {
  const series = sparks.kept.value.get(job.id)?.series;
  const last = series?.values.at(-1) ?? job.result?.loss ?? job.result?.value;
  return (
    <span class="spark">
      {series && series.values.length > 1 ? <Line series={series} /> : null}
      <span class="mono spark-value">{last === undefined ? "–" : number(last)}</span>
    </span>
  );
}

function Line({ series }: { series: Series }): JSX.Element {
  return (
    <svg
      class="spark-line"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
    >
      <path d={pathOf(series)} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

function pathOf(series: Series): string {
  const { line } = linesOf(series, false);
  const finite = line.filter(Number.isFinite);
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low || 1;
  const first = series.steps[0] ?? 0;
  const length = (series.steps.at(-1) ?? 0) - first || 1;
  let pen = "M";
  return line
    .map((value, i) => {
      if (!Number.isFinite(value)) {
        pen = "M";
        return "";
      }
      const x = (((series.steps[i] ?? 0) - first) / length) * (WIDTH - 2) + 1;
      const y = HEIGHT - 2 - ((value - low) / range) * (HEIGHT - 4);
      const part = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return part;
    })
    .join("");
}
