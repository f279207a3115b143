/** The list of jobs, newest first, with what waits and runs above it. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { JSX } from "preact";
import { getQueue, listJobs } from "../api/calls.ts";
import type { Refused } from "../api/http.ts";
import type { Job, JobPage, Queue } from "../api/models.ts";
import { Filters } from "../parts/filters.tsx";
import { Ago, Command, DigestMark, Empty, ProgressBar, StatusBadge, stepsOf } from "../parts/small.tsx";
import { Spark, sparks } from "../parts/spark.tsx";
import { addressOf } from "../place.ts";
import { count, nameOf } from "../pure/format.ts";
import { changed, isFiltered, listLink, noneOf, type Listing } from "../pure/listing.ts";
import { LIST_LIMITS } from "../pure/pacing.ts";
import { jobLink } from "../pure/route.ts";
import { usePolling, type Seen } from "../poller.ts";

const LIMIT = 20;

// Outside the component, so that going back from a job finds the list as it was left.
const page = signal<JobPage | null>(null);
/** The list that `page` is of. */
const shown = signal("");
const queue = signal<Queue | null>(null);
const refused = signal<Refused | null>(null);

async function look(listing: Listing, stop: AbortSignal): Promise<Seen> {
  const [jobs, counts] = await Promise.all([listJobs(listing, LIMIT, stop), getQueue(stop)]);
  page.value = jobs.data;
  shown.value = listLink(listing);
  queue.value = counts.data;
  refused.value = null;
  sparks.show(jobs.data.data);
  return { outcome: jobs.moved || counts.moved ? "moved" : "still", wish: jobs.wish };
}

export function JobsPage({ listing }: { listing: Listing }): JSX.Element {
  usePolling(
    {
      look: (stop) => look(listing, stop),
      limits: LIST_LIMITS,
      onRefused: (error) => (refused.value = error),
    },
    [listLink(listing)],
  );
  useEffect(() => {
    document.title = "Jobs · Lockstep";
  }, []);
  return (
    <>
      <div class="page-head">
        <h1>Jobs</h1>
        <Numbers />
      </div>
      <Filters listing={listing} />
      {refused.value ? <p class="problem-text">{refused.value.message}</p> : null}
      <NoWorkers />
      <List listing={listing} />
    </>
  );
}

function Numbers(): JSX.Element | null {
  if (!queue.value) return null;
  const { jobs, workers } = queue.value;
  const all = Object.values(workers).reduce((sum, n) => sum + n, 0);
  const said: readonly (readonly [string, string])[] = [
    ["running", count((jobs["running"] ?? 0) + (jobs["pausing"] ?? 0) + (jobs["cancelling"] ?? 0))],
    ["waiting", count(jobs["queued"] ?? 0)],
    ...(jobs["paused"] ? [["paused", count(jobs["paused"])] as const] : []),
    all > 0 ? ["workers free", `${count(workers["idle"] ?? 0)} of ${count(all)}`] : ["workers", "no"],
  ];
  return (
    <ul class="numbers" aria-label="Queue">
      {said.map(([name, value]) => (
        <li key={name}>
          <b>{value}</b> {name}
        </li>
      ))}
    </ul>
  );
}

/** Why nothing moves, where no worker is there to move it. */
function NoWorkers(): JSX.Element | null {
  const counts = queue.value;
  const present = counts && Object.values(counts.workers).some((n) => n > 0);
  if (!counts || present || (counts.jobs["queued"] ?? 0) === 0) return null;
  return (
    <p class="notice">
      No worker is here, so the jobs wait. <code>lockstep worker</code> starts one;{" "}
      <a href="#/workers">more about workers</a>.
    </p>
  );
}

function List({ listing }: { listing: Listing }): JSX.Element {
  const jobs = page.value;
  if (!jobs) return refused.value ? <></> : <p class="loading">Reading the jobs …</p>;
  // The list before stays until the next is there: nothing jumps, and the focus stays on what was pressed.
  const isOld = shown.value !== listLink(listing);
  if (jobs.data.length === 0 && !isOld) return <NoJobs listing={listing} />;
  return (
    <div class={isOld ? "list is-old" : "list"} aria-busy={isOld}>
      <table class="jobs">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Status</th>
            <th scope="col">Progress</th>
            <th scope="col">Loss</th>
            <th scope="col">Workers</th>
            <th scope="col">Digest</th>
            <th scope="col">Submitted</th>
          </tr>
        </thead>
        <tbody>
          {jobs.data.map((job) => (
            <Row key={job.id} job={job} />
          ))}
        </tbody>
      </table>
      <Pages jobs={jobs} listing={listing} />
    </div>
  );
}

function Row({ job }: { job: Job }): JSX.Element {
  const digest = job.result?.weights_sha256;
  return (
    <tr>
      <th scope="row" class="cell-job">
        <a href={jobLink(job.id)} title={nameOf(job)}>
          {nameOf(job)}
        </a>
        {nameOf(job) === job.id ? null : <span class="mono muted cell-id">{job.id}</span>}
      </th>
      <td class="cell-status">
        <StatusBadge
          status={job.status}
          reason={
            job.status === "failed" ? (job.error?.code ?? null) : job.is_terminal ? null : job.status_reason
          }
        />
      </td>
      <td class="cell-progress">
        <ProgressBar job={job} />
        <span class="muted mono cell-steps">{stepsOf(job)}</span>
      </td>
      <td class={`cell-loss ${job.progress.step > 0 ? "" : "is-empty"}`}>
        <Spark job={job} />
      </td>
      <td class="cell-workers mono" data-label="Workers">
        {job.is_terminal ? job.workers.wanted : `${job.workers.active}/${job.workers.wanted}`}
      </td>
      <td class={`cell-digest ${digest ? "" : "is-empty"}`}>
        {digest ? (
          <span class="digest-short" title={digest}>
            <DigestMark digest={digest} /> <code>{digest.slice(0, 8)}</code>
          </span>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
      <td class="cell-age">
        <Ago at={job.created_at} />
      </td>
    </tr>
  );
}

function Pages({ jobs, listing }: { jobs: JobPage; listing: Listing }): JSX.Element | null {
  // A page that was gone back to knows only whether more jobs come before it.
  const isFirst = listing.before === null ? listing.after === null : !jobs.has_more;
  const isLast = listing.before === null && !jobs.has_more;
  if (isFirst && isLast) return null;
  const newer = { after: null, before: jobs.first_id, page: Math.max(1, listing.page - 1) };
  const older = { after: jobs.last_id, before: null, page: isFirst ? 2 : listing.page + 1 };
  return (
    <nav class="pages" aria-label="Pages of jobs">
      <PageLink to={isFirst ? null : listing.page === 2 ? changed(listing, {}) : { ...listing, ...newer }}>
        ← Before
      </PageLink>
      <span class="muted">page {isFirst ? 1 : listing.page}</span>
      <PageLink to={isLast ? null : { ...listing, ...older }}>Next →</PageLink>
    </nav>
  );
}

/** A link, so that a page can be opened in another tab; one that leads nowhere keeps its place, and the focus. */
function PageLink({ to, children }: { to: Listing | null; children: string }): JSX.Element {
  return to ? (
    <a class="button" href={listLink(to)}>
      {children}
    </a>
  ) : (
    <a class="button" role="link" aria-disabled="true" tabIndex={0}>
      {children}
    </a>
  );
}

function NoJobs({ listing }: { listing: Listing }): JSX.Element {
  if (isFiltered(listing) || listing.page > 1) {
    return (
      <Empty title={isFiltered(listing) ? noneOf(listing) : "No jobs here."}>
        <a class="button" href="#/">
          Show all jobs
        </a>
      </Empty>
    );
  }
  const curl = `curl -H "Authorization: Bearer $LOCKSTEP_API_KEY" -H "Content-Type: application/json" -d @job.json ${addressOf("/v1/jobs")}`;
  return (
    <Empty title="No jobs yet.">
      <p>
        A job is a model, its data and a few numbers, all as JSON. Write one here, or send a file from a
        terminal:
      </p>
      <p>
        <a class="button primary" href="#/new">
          New job
        </a>
      </p>
      <Command line="lockstep train job.json --watch" />
      <Command line={curl} />
    </Empty>
  );
}
