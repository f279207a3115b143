/** The workers that the service has heard of lately, and what each of them does. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { JSX } from "preact";
import { getWorkers } from "../api/calls.ts";
import type { Refused } from "../api/http.ts";
import type { Worker } from "../api/models.ts";
import { Ago, Command, Empty } from "../parts/small.tsx";
import { LIST_LIMITS } from "../pure/pacing.ts";
import { jobLink } from "../pure/route.ts";
import { usePolling, type Seen } from "../poller.ts";

const workers = signal<readonly Worker[] | null>(null);
const refused = signal<Refused | null>(null);

/** What a worker does, without when it was last seen: that alone is no news. */
const doings = (all: readonly Worker[] | null): string =>
  JSON.stringify(all?.map((one) => [one.id, one.state, one.job_id, one.present]));

async function look(stop: AbortSignal): Promise<Seen> {
  const answer = await getWorkers(stop);
  const found = answer.data.data;
  const moved = doings(found) !== doings(workers.peek());
  workers.value = found;
  refused.value = null;
  return { outcome: moved ? "moved" : "still", wish: answer.wish };
}

export function WorkersPage(): JSX.Element {
  usePolling({ look, limits: LIST_LIMITS, onRefused: (error) => (refused.value = error) }, []);
  useEffect(() => {
    document.title = "Workers · Lockstep";
  }, []);
  return (
    <>
      <div class="page-head">
        <h1>Workers</h1>
      </div>
      {refused.value ? <p class="problem-text">{refused.value.message}</p> : null}
      <Fleet />
    </>
  );
}

function Fleet(): JSX.Element {
  const all = workers.value;
  if (!all) return <p class="loading">Reading the workers …</p>;
  if (all.length === 0) {
    return (
      <Empty title="No worker is here.">
        <p>Jobs wait until one comes. Start a worker on any machine that reaches the database:</p>
        <Command line="lockstep worker" />
        <p>or everything on this machine at once:</p>
        <Command line="lockstep up --workers 2" />
      </Empty>
    );
  }
  const fingerprints = new Set(all.filter((one) => one.present).map((one) => one.fingerprint));
  return (
    <>
      <p class={fingerprints.size > 1 ? "notice" : "note"}>{sayFingerprints(fingerprints.size)}</p>
      <table class="workers">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">Job</th>
            <th scope="col">Host</th>
            <th scope="col">Process</th>
            <th scope="col">Fingerprint</th>
            <th scope="col">Seen</th>
          </tr>
        </thead>
        <tbody>
          {all.map((one) => (
            <Row key={one.id} worker={one} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function sayFingerprints(different: number): string {
  return different > 1
    ? `These workers compute with ${different} different numerics fingerprints. A job stays on the workers of one fingerprint, so that its bits stay the same.`
    : "All workers have the same numerics fingerprint: any of them can work on any job, with the same bits.";
}

function Row({ worker }: { worker: Worker }): JSX.Element {
  return (
    <tr>
      <th scope="row" class="mono">
        {worker.id}
      </th>
      <td data-label="State">
        <span class={`badge is-${worker.present ? worker.state : "cancelled"}`}>
          <span class="badge-sign" aria-hidden="true" />
          {worker.present ? worker.state : "not heard of"}
        </span>
      </td>
      <td data-label="Job">
        {worker.job_id ? (
          <a class="mono" href={jobLink(worker.job_id)}>
            {worker.job_id}
          </a>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
      <td data-label="Host">{worker.host ?? "–"}</td>
      <td data-label="Process" class="mono">
        {worker.pid ?? "–"}
      </td>
      <td data-label="Fingerprint" class="mono" title={worker.fingerprint ?? ""}>
        {worker.fingerprint?.slice(0, 12) ?? "–"}
      </td>
      <td data-label="Seen">
        <Ago at={worker.heartbeat_at} />
      </td>
    </tr>
  );
}
