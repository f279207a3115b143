/** One job as the page follows it: the job, its main series and its events, kept current by `look`. */

import { signal } from "@preact/signals";
import { getEvents, getHistory, getJob, getMembers } from "./api/calls.ts";
import type { Refused } from "./api/http.ts";
import type { Job, JobEvent, Member } from "./api/models.ts";
import { MAIN } from "./pure/groups.ts";
import { lastStep, merge, until, type History } from "./pure/history.ts";
import type { Seen } from "./poller.ts";
import { sight, speedOf, type Sighting } from "./pure/speed.ts";

/** Points of a series that are worth asking for: about two for each pixel of a wide curve. */
const POINTS = 2_000;
const POINTS_OF_A_POLL = 400;
/** Enough to learn of a series' name. */
const FEWEST_POINTS = 2;
/** The most that a zoomed curve asks for in one answer. */
const POINTS_OF_DETAIL = 20_000;
const MOST_EVENT_PAGES = 20;

/** Some series of a job, each look bringing the points since the one before. */
export class SeriesWatch {
  readonly history = signal<History>({});
  /** Whether the history was read at least once: an empty curve before that is not empty. */
  readonly loaded = signal(false);
  readonly id: string;
  private readonly series: string;

  constructor(id: string, names: readonly string[]) {
    this.id = id;
    this.series = names.join();
  }

  /** The last step that was read; null before there is one. */
  get last(): number | null {
    const last = lastStep(this.history.value);
    return last < 0 ? null : last;
  }

  /** Whether there was anything new. */
  async read(stop: AbortSignal): Promise<boolean> {
    const since = this.last;
    const points = since === null ? POINTS : POINTS_OF_A_POLL;
    const query = { series: this.series, max_points: points, since_step: since };
    const news = await getHistory(this.id, query, stop);
    if (stop.aborted) return false;
    this.history.value = merge(this.history.value, news, POINTS);
    this.loaded.value = true;
    return this.last !== since;
  }

  /**
   * The history between two steps, as dense as a curve can show it. The service down-samples from a step to the end,
   * so the number of points asked for grows as the window shrinks.
   */
  async detail(low: number, high: number, stop: AbortSignal): Promise<History> {
    const end = Math.max(high, this.last ?? 0);
    const share = (high - low + 1) / Math.max(1, end - low + 1);
    const points = Math.min(POINTS_OF_DETAIL, Math.ceil(POINTS / share));
    const since = low < 1 ? null : Math.floor(low) - 1;
    const query = { series: this.series, max_points: points, since_step: since };
    return until(merge({}, await getHistory(this.id, query, stop), POINTS_OF_DETAIL), high);
  }
}

export class JobWatch {
  readonly job = signal<Job | null>(null);
  /** The series that every curve shows; those of an opened group have a watch of their own. */
  readonly main: SeriesWatch;
  /** Of all series that the job has. */
  readonly names = signal<readonly string[]>([]);
  readonly events = signal<readonly JobEvent[]>([]);
  readonly members = signal<readonly Member[]>([]);
  readonly speed = signal<number | null>(null);
  readonly refused = signal<Refused | null>(null);
  private namesAt = "";
  private etag: string | null = null;
  private sightings: readonly Sighting[] = [];
  readonly id: string;

  constructor(id: string) {
    this.id = id;
    this.main = new SeriesWatch(id, MAIN);
  }

  look = async (stop: AbortSignal): Promise<Seen> => {
    const answer = await getJob(this.id, stop, this.etag);
    if (answer.data === null) return { outcome: "still", wish: answer.wish };
    if (document.visibilityState !== "visible" && !answer.data.is_terminal) {
      // Enough for the tab's title; what else is new is read when somebody sees it.
      this.accept(answer.data);
      return { outcome: "still", wish: answer.wish };
    }
    // The history is read after the job: what a finished job's look brings is then complete.
    await Promise.all([
      this.readNames(answer.data, stop),
      this.main.read(stop),
      this.readEvents(stop),
      this.readMembers(answer.data, stop),
    ]);
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

  /** Which series there are, in a few points each: new ones begin with the first step, or with an epoch. */
  private async readNames(job: Job, stop: AbortSignal): Promise<void> {
    const at = `${job.progress.epoch} ${job.is_terminal}`;
    const known = this.names.value;
    if (at === this.namesAt && known.length > 0) return;
    const since = known.length > 0 && !job.is_terminal ? this.main.last : null;
    const query = { series: null, max_points: FEWEST_POINTS, since_step: since };
    const found = Object.keys(await getHistory(this.id, query, stop));
    if (stop.aborted) return;
    const names = [...new Set([...known, ...found])];
    if (names.length > known.length) this.names.value = names;
    this.namesAt = at;
  }

  /** Who works at it, where more than one ever did. */
  private async readMembers(job: Job, stop: AbortSignal): Promise<void> {
    if (job.workers.most < 2) return;
    const found = await getMembers(this.id, stop);
    if (!stop.aborted) this.members.value = found;
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
