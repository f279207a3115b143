/** The other series of a job, a group at a time: asked for only while it is open. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { JSX } from "preact";
import type { Job } from "../api/models.ts";
import { groupsOf, lineWords, MOST_LINES, type Group } from "../pure/groups.ts";
import { JOB_LIMITS } from "../pure/pacing.ts";
import { usePolling } from "../poller.ts";
import { SeriesWatch } from "../watch.ts";
import { Curve } from "./curve.tsx";
import { Card } from "./small.tsx";

export function SeriesCard({ job, names }: { job: Job; names: readonly string[] }): JSX.Element | null {
  const wanted = useSignal<string | null>(null);
  const isTraining = job.kind === "train";
  const groups = useMemo(() => groupsOf(names, isTraining ? parametersOf(job) : null), [names, isTraining]);
  const open = groups.find((group) => group.key === wanted.value);
  if (groups.length === 0) return null;
  return (
    <Card title={isTraining ? "Inside the training" : "Inside the search"} class="curve-card">
      <div class="groups" role="group" aria-label="More series">
        {groups.map(({ key, label }) => (
          <button
            key={key}
            type="button"
            class="toggle"
            aria-pressed={key === open?.key}
            onClick={() => (wanted.value = key === open?.key ? null : key)}
          >
            {label}
          </button>
        ))}
      </div>
      {open ? (
        <Opened key={`${open.key} ${open.names.join()}`} job={job} group={open} />
      ) : (
        <p class="note groups-note">Choose what to see.</p>
      )}
    </Card>
  );
}

/** The names of a formula's parameters; of layers, none. */
function parametersOf(job: Job): readonly string[] {
  const model = job.spec?.["model"] as { readonly parameters?: object } | undefined;
  return Object.keys(model?.parameters ?? {});
}

function Opened({ job, group }: { job: Job; group: Group }): JSX.Element {
  const watch = useMemo(() => new SeriesWatch(job.id, group.names), []);
  const problem = useSignal("");
  const isOver = job.is_terminal;
  // A job's end starts the polling afresh: the look after it is the last, and sees everything.
  usePolling(
    {
      look: async (stop) => ({
        outcome: (await watch.read(stop)) ? "moved" : "still",
        wish: 0,
        done: isOver,
      }),
      limits: JOB_LIMITS,
      onRefused: (error) => (problem.value = error.message),
    },
    [isOver],
  );
  const model = job.spec?.["model"] as { readonly layers?: unknown } | undefined;
  const about = group.names.length === MOST_LINES ? `${group.about} The first ${MOST_LINES}.` : group.about;
  return (
    <div class="group">
      <p class="note">{problem.value || about}</p>
      {watch.loaded.value ? (
        <Curve group={group} watch={watch} label={(name) => lineWords(name, model?.layers)} />
      ) : (
        <p class="note curve-empty">Reading …</p>
      )}
    </div>
  );
}
