/** The list of jobs, newest first, with what waits and runs above it. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { JSX } from "preact";
import { getQueue, listJobs } from "../api/calls.ts";
import type { Refused } from "../api/http.ts";
import { STATUSES, type Job, type Page, type Queue } from "../api/types.ts";
import { Ago, Command, DigestMark, Empty, ProgressBar, StatusBadge, stepsOf } from "../parts/small.tsx";
import { Spark, sparks } from "../parts/spark.tsx";
import { count, words } from "../pure/format.ts";
import { LIST_LIMITS } from "../pure/pacing.ts";
import { jobLink } from "../pure/route.ts";
import { usePolling, type Seen } from "../poller.ts";

const LIMIT = 20;

// Outside the component, so that going back from a job finds the list as it was left.
const status = signal<string | null>(null);
/** The cursors of the pages before this one; the last is this page's own. */
const cursors = signal<readonly (string | null)[]>([null]);
const page = signal<Page<Job> | null>(null);
const queue = signal<Queue | null>(null);
const refused = signal<Refused | null>(null);

async function look(stop: AbortSignal): Promise<Seen> {
  const after = cursors.peek().at(-1) ?? null;
  const [jobs, counts] = await Promise.all([
    listJobs({ status: status.peek(), after, limit: LIMIT }, stop),
    getQueue(stop),
  ]);
  page.value = jobs.data;
  queue.value = counts.data;
  refused.value = null;
  sparks.show(jobs.data.data);
  return { outcome: jobs.moved || counts.moved ? "moved" : "still", wish: jobs.wish };
}

function go(to: readonly (string | null)[]): void {
  page.value = null;
  cursors.value = to;
}

export function JobsPage(): JSX.Element {
  usePolling({ look, limits: LIST_LIMITS, onRefused: (error) => (refused.value = error) }, [
    status.value,
    cursors.value,
  ]);
  useEffect(() => {
    document.title = "Jobs · Lockstep";
  }, []);
  return (
    <>
      <div class="page-head">
        <h1>Jobs</h1>
        <Numbers />
        <label class="field-inline">
          <span>Status</span>
          <select
            value={status.value ?? ""}
            onChange={(event) => {
              status.value = event.currentTarget.value || null;
              go([null]);
            }}
          >
            <option value="">all</option>
            {STATUSES.map((one) => (
              <option key={one} value={one}>
                {words(one)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {refused.value ? <p class="problem-text">{refused.value.message}</p> : null}
      <NoWorkers />
      <List />
    </>
  );
}

function Numbers(): JSX.Element | null {
  if (!queue.value) return null;
  const { jobs, workers } = queue.value;
  const all = Object.values(workers).reduce((sum, n) => sum + n, 0);
  const said: readonly [string, string][] = [
    ["running", count((jobs["running"] ?? 0) + (jobs["cancelling"] ?? 0))],
    ["waiting", count(jobs["queued"] ?? 0)],
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

function List(): JSX.Element {
  const jobs = page.value;
  if (!jobs) return <p class="loading">Reading the jobs …</p>;
  if (jobs.data.length === 0) return <NoJobs />;
  return (
    <>
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
      <Pages jobs={jobs} />
    </>
  );
}

function Row({ job }: { job: Job }): JSX.Element {
  const digest = job.result?.weights_sha256;
  return (
    <tr>
      <th scope="row" class="cell-job">
        <a href={jobLink(job.id)}>{job.name ?? job.id}</a>
        {job.name ? <span class="mono muted cell-id">{job.id}</span> : null}
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

function Pages({ jobs }: { jobs: Page<Job> }): JSX.Element | null {
  const at = cursors.value;
  if (at.length === 1 && !jobs.has_more) return null;
  return (
    <nav class="pages" aria-label="Pages of jobs">
      <button type="button" class="button" disabled={at.length === 1} onClick={() => go(at.slice(0, -1))}>
        ← Newer
      </button>
      <span class="muted">page {at.length}</span>
      <button
        type="button"
        class="button"
        disabled={!jobs.has_more}
        onClick={() => go([...at, jobs.last_id])}
      >
        Older →
      </button>
    </nav>
  );
}

function NoJobs(): JSX.Element {
  if (status.value !== null) {
    return (
      <Empty title={`No job is ${words(status.value)}.`}>
        <button type="button" class="button" onClick={() => ((status.value = null), go([null]))}>
          Show all jobs
        </button>
      </Empty>
    );
  }
  const curl = `curl -H "Authorization: Bearer $LOCKSTEP_API_KEY" -H "Content-Type: application/json" -d @job.json ${location.origin}/v1/jobs`;
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
