/** One job as the page follows it: the job, its history and its events, kept current by `look`. */

import { signal } from "@preact/signals";
import { getEvents, getHistory, getJob } from "./api/calls.ts";
import type { Refused } from "./api/http.ts";
import type { Job, JobEvent } from "./api/types.ts";
import { lastStep, merge, until, type History } from "./pure/history.ts";
import type { Seen } from "./poller.ts";
import { sight, speedOf, type Sighting } from "./pure/speed.ts";

/** Points of a series that are worth asking for: about two for each pixel of a wide curve. */
const POINTS = 2_000;
const POINTS_OF_A_POLL = 400;
/** The most that a zoomed curve asks for in one answer. */
const POINTS_OF_DETAIL = 20_000;
const MOST_EVENT_PAGES = 20;

export class JobWatch {
  readonly job = signal<Job | null>(null);
  readonly history = signal<History>({});
  readonly events = signal<readonly JobEvent[]>([]);
  readonly speed = signal<number | null>(null);
  readonly refused = signal<Refused | null>(null);
  /** Whether the history was read at least once: an empty curve before that is not empty. */
  readonly loaded = signal(false);
  private etag: string | null = null;
  private sightings: readonly Sighting[] = [];
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  look = async (stop: AbortSignal): Promise<Seen> => {
    const answer = await getJob(this.id, stop, this.etag);
    if (answer.data === null) return { outcome: "still", wish: answer.wish };
    // The history is read after the job: what a finished job's look brings is then complete.
    await Promise.all([this.readHistory(stop), this.readEvents(stop)]);
    this.etag = answer.etag;
    this.accept(answer.data);
    return { outcome: "moved", wish: answer.wish, done: answer.data.is_terminal };
  };

  /** Takes in a job that some other call answered (cancel), so that the page shows it at once. */
  accept(job: Job): void {
    this.job.value = job;
    this.sightings = sight(this.sightings, { at: performance.now(), step: job.progress.step });
    this.speed.value = job.is_terminal ? overallSpeed(job) : speedOf(this.sightings);
  }

  /**
   * The history between two steps, as dense as a curve can show it. The service down-samples from a step to the end,
   * so the number of points asked for grows as the window shrinks.
   */
  async detail(low: number, high: number, stop: AbortSignal): Promise<History> {
    const end = Math.max(high, lastStep(this.history.value));
    const share = (high - low + 1) / Math.max(1, end - low + 1);
    const points = Math.min(POINTS_OF_DETAIL, Math.ceil(POINTS / share));
    const query = { series: null, max_points: points, since_step: low < 1 ? null : Math.floor(low) - 1 };
    return until(merge({}, await getHistory(this.id, query, stop), POINTS_OF_DETAIL), high);
  }

  private async readHistory(stop: AbortSignal): Promise<void> {
    const since = lastStep(this.history.value);
    const query =
      since < 0
        ? { series: null, max_points: POINTS, since_step: null }
        : { series: null, max_points: POINTS_OF_A_POLL, since_step: since };
    const news = await getHistory(this.id, query, stop);
    if (stop.aborted) return;
    this.history.value = merge(this.history.value, news, POINTS);
    this.loaded.value = true;
  }

  private async readEvents(stop: AbortSignal): Promise<void> {
    for (let pages = 0; pages < MOST_EVENT_PAGES; pages += 1) {
      const page = await getEvents(this.id, this.events.value.at(-1)?.id ?? null, stop);
      if (stop.aborted || page.data.length === 0) return;
      this.events.value = [...this.events.value, ...page.data];
      if (!page.has_more) return;
    }
  }
}

/** Steps a second over a finished job's whole run. */
function overallSpeed(job: Job): number | null {
  const ran = job.timings.run_ms;
  const steps = job.result?.steps ?? job.progress.step;
  return ran && steps ? (steps * 1000) / ran : null;
}
