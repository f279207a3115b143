/** One job, live. */

import { useEffect, useMemo } from "preact/hooks";
import type { JSX } from "preact";
import type { Job } from "../api/models.ts";
import { Curve } from "../parts/curve.tsx";
import { DeterminismCard, LearnedCard, ResultCard } from "../parts/result.tsx";
import {
  Ago,
  Card,
  CopyButton,
  Empty,
  Facts,
  ProgressBar,
  StatusBadge,
  stepsOf,
  type Fact,
} from "../parts/small.tsx";
import { Findings } from "../parts/findings.tsx";
import { EndNotice, NoticeButton } from "../parts/notice.tsx";
import { MembersCard } from "../parts/members.tsx";
import { ModelCard } from "../parts/model.tsx";
import { SeriesCard } from "../parts/series.tsx";
import { SpecCard } from "../parts/spec.tsx";
import { EventsCard, TimelineCard } from "../parts/timeline.tsx";
import { CancelButton, CloneButton, DeleteButton, EditButton, PauseButton } from "../parts/verbs.tsx";
import { VerifyButton } from "../parts/verify.tsx";
import { count, moment, nameOf, percent, span, speed, words } from "../pure/format.ts";
import { findingsOf } from "../pure/findings.ts";
import { MAIN_GROUP } from "../pure/groups.ts";
import { listLink } from "../pure/listing.ts";
import { workersOf } from "../pure/members.ts";
import { HIDDEN_DELAY, JOB_LIMITS } from "../pure/pacing.ts";
import { againLink, jobLink } from "../pure/route.ts";
import { usePolling } from "../poller.ts";
import { listing, now } from "../session.ts";
import { JobWatch } from "../watch.ts";

export function JobPage({ id }: { id: string }): JSX.Element {
  const watch = useMemo(() => new JobWatch(id), [id]);
  usePolling(
    {
      look: watch.look,
      limits: JOB_LIMITS,
      hiddenDelay: HIDDEN_DELAY,
      onRefused: (error) => (watch.refused.value = error),
    },
    [watch],
  );
  const job = watch.job.value;
  const refused = watch.refused.value;
  useEffect(() => {
    document.title = job ? `${titleOf(job)} · Lockstep` : "Lockstep";
  }, [job]);
  if (refused) {
    return (
      <Empty title={refused.status === 404 ? "There is no such job here." : refused.title}>
        <p>{refused.status === 404 ? `${id} is unknown, or belongs to another key.` : refused.message}</p>
        <a class="button" href="#/">
          All jobs
        </a>
      </Empty>
    );
  }
  if (!job) return <p class="loading">Reading the job …</p>;
  return (
    <div class="job">
      <EndNotice job={job} />
      <Head job={job} watch={watch} />
      {job.error ? <ErrorBox job={job} /> : null}
      <Findings findings={findingsOf(watch.events.value)} />
      <div class="job-grid">
        <div class="job-main">
          <Card title={job.kind === "train" ? "Learning curve" : "Value"} class="curve-card">
            {watch.main.loaded.value && watch.main.last === null ? (
              <p class="note curve-empty">
                {job.is_terminal ? "No step of this job was recorded." : "The curve begins with the first step."}
              </p>
            ) : (
              <Curve group={MAIN_GROUP} watch={watch.main} label={words} restless />
            )}
          </Card>
          <SeriesCard job={job} names={watch.names.value} />
          <MembersCard members={watch.members.value} />
          <SpecCard job={job} />
          <EventsCard events={watch.events.value} />
        </div>
        <div class="job-side">
          {job.result ? <ResultCard job={job} result={job.result} /> : null}
          {job.is_terminal && !job.result && job.started_at !== null ? <LearnedCard job={job} /> : null}
          <DeterminismCard job={job} />
          <TimelineCard job={job} />
        </div>
        <div class="job-wide">
          <ModelCard job={job} />
        </div>
      </div>
    </div>
  );
}

/** How a job ended, in a sign that shows in a narrow tab. */
const SIGNS: Readonly<Record<string, string>> = { succeeded: "✓ ", failed: "✗ " };

function titleOf(job: Job): string {
  const state =
    job.is_terminal || job.status === "queued" || job.status === "paused" ? words(job.status) : percent(job.progress.fraction);
  return `${SIGNS[job.status] ?? ""}${state} · ${nameOf(job)}`;
}

function Head({ job, watch }: { job: Job; watch: JobWatch }): JSX.Element {
  return (
    <header class="job-head">
      <a class="back" href={listLink(listing.value)}>
        ← Jobs
      </a>
      <div class="job-title">
        <h1>{nameOf(job)}</h1>
        <StatusBadge status={job.status} reason={job.is_terminal ? null : job.status_reason} />
        <span class="actions">
          <a class="button" href={againLink(job.id)}>
            Run again
          </a>
          <CloneButton job={job} />
          <EditButton job={job} watch={watch} />
          <VerifyButton job={job} />
          {job.is_terminal ? null : <NoticeButton />}
          <PauseButton job={job} watch={watch} />
          {job.is_terminal ? <DeleteButton job={job} /> : <CancelButton job={job} watch={watch} />}
        </span>
      </div>
      <p class="job-id">
        <code>{job.id}</code> <CopyButton text={job.id} what="the job's id" />{" "}
        <span class="muted">
          submitted <Ago at={job.created_at} />
        </span>
        {job.cloned_from === null ? null : (
          <span class="muted">
            cloned from{" "}
            <a href={jobLink(job.cloned_from)}>
              <code>{job.cloned_from}</code>
            </a>
          </span>
        )}
      </p>
      {job.status_message && !job.error ? <p class="status-message">{job.status_message}</p> : null}
      {job.error
        ? job.damaged.map((one) => (
            <p key={one.part} class="status-message">
              {one.message}
            </p>
          ))
        : null}
      <ProgressBar job={job} />
      <Facts class="is-strip" facts={progressFacts(job, watch.speed.value)} />
    </header>
  );
}

function progressFacts(job: Job, stepsPerSecond: number | null): Fact[] {
  const epochs = job.spec?.["epochs"];
  const epoch = count(job.progress.epoch);
  const ranMs = job.timings.run_ms;
  const started = moment(job.started_at);
  const ran =
    ranMs !== null
      ? ranMs / 1000
      : started === null || job.is_terminal
        ? null
        : Math.max(0, (now.value - started) / 1000);
  const eta = job.is_terminal ? null : job.progress.eta_seconds;
  return [
    { name: "Step", value: stepsOf(job) },
    ...(typeof epochs === "number" ? [{ name: "Epoch", value: `${epoch} / ${count(epochs)}` }] : []),
    { name: "Speed", value: speed(stepsPerSecond) },
    { name: job.is_terminal ? "Ran for" : "Running for", value: ran === null ? "–" : span(ran) },
    ...(job.is_terminal ? [] : [{ name: "Time left", value: eta === null ? "–" : `about ${span(eta)}` }]),
    { name: "Workers", value: workersOf(job) },
    ...(job.priority !== 0 ? [{ name: "Priority", value: String(job.priority) }] : []),
    ...(job.timings.queued_ms != null ? [{ name: "Waited", value: span(job.timings.queued_ms / 1000) }] : []),
    ...(job.timings.first_step_ms != null
      ? [{ name: "First step after", value: span(job.timings.first_step_ms / 1000) }]
      : []),
  ];
}

function ErrorBox({ job }: { job: Job }): JSX.Element {
  const code = job.error?.code ?? "";
  return (
    <div class="error-box" role="alert">
      <strong>{words(code)}</strong>
      {job.error?.param ? <code>{job.error.param}</code> : null}
      <p>{job.error?.message}</p>
      {code === "worker_lost" ? <p class="muted">Its workers' logs say more.</p> : null}
    </div>
  );
}
