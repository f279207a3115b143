/** One row of a batch followed through the model and back: each step of the chain rule in its order. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { getWalk, type Place } from "../api/calls.ts";
import type { Job, Walk, WalkStep } from "../api/models.ts";
import { count } from "../pure/format.ts";
import { brief } from "../pure/numbers.ts";
import { useQuestion } from "./question.ts";

interface WalkProps {
  readonly job: Job;
  readonly step: number;
  /** Told of the place that is walked through, so that the drawing shows its values too. */
  readonly onPlace: (place: Place) => void;
}

/** More steps than anybody follows by hand. */
const MOST_STEPS = 60;
/** So few that what comes after them is still in sight. */
const FEW_STEPS = 8;

export function WalkOf({ job, step, onPlace }: WalkProps): JSX.Element {
  const { progress, ask } = useQuestion<Walk>();
  const row = useSignal(0);
  const hasRows = job.kind === "train";
  const submit = (event: Event): void => {
    event.preventDefault();
    if (progress.peek().state === "busy") return;
    const place = { step, sample: row.value };
    ask(async (asking) => {
      const walk = await getWalk(job.id, place, asking);
      onPlace(place);
      return walk;
    });
  };
  const now = progress.value;
  return (
    <>
      <form class="explain-form" onSubmit={submit}>
        {hasRows ? (
          <label class="field-inline">
            <span>Follow row</span>
            <input
              type="number"
              required
              min={0}
              value={row.value}
              onInput={(event) => (row.value = event.currentTarget.valueAsNumber || 0)}
            />
          </label>
        ) : null}
        <button type="submit" class="button" aria-disabled={now.state === "busy"}>
          {hasRows ? "Through and back" : "Follow it back"}
        </button>
      </form>
      <div role="status">
        {now.state === "busy" ? <p class="note is-busy">Walking: {now.message || "computing"} …</p> : null}
        {now.state === "failed" ? <p class="problem-text">{now.message}</p> : null}
      </div>
      {now.state === "done" ? <Steps walk={now.answer} /> : null}
    </>
  );
}

function Steps({ walk }: { walk: Walk }): JSX.Element {
  const forward = walk.forward.slice(0, MOST_STEPS);
  const backward = walk.backward.slice(0, MOST_STEPS);
  const most = Math.max(walk.forward.length, walk.backward.length);
  return (
    <div class="walk">
      <details open={forward.length <= FEW_STEPS}>
        <summary>Forward, {count(walk.forward.length)} values</summary>
        <ol class="walk-forward" aria-label="Forward">
          {forward.map(({ node, name, formula, value }) => (
            <li key={node}>
              <code>{formula ?? name}</code>
              <span class="mono">= {brief(value)}</span>
            </li>
          ))}
        </ol>
      </details>
      <h3>Back, by the chain rule</h3>
      <ol class="walk-back" aria-label="Back">
        {backward.map((step) => (
          <Back key={step.node} step={step} />
        ))}
      </ol>
      {most > MOST_STEPS ? (
        <p class="note">{`The first ${MOST_STEPS} of ${count(most)} steps; all of them: GET /v1/jobs/{id}/walk.`}</p>
      ) : null}
    </div>
  );
}

function Back({ step }: { step: WalkStep }): JSX.Element {
  return (
    <li>
      <p class="walk-head">
        <code>{step.name}</code>
        <span class="muted">
          comes in: <b class="mono">{brief(step.gradient)}</b>
        </span>
      </p>
      <ul>
        {step.inputs.map((input, i) => (
          <li key={i}>
            <code>{input.derivative.formula}</code>
            {input.derivative.value === null ? null : (
              <span class="mono">= {brief(input.derivative.value)}</span>
            )}
            <span class="walk-out">
              to <code>{input.name}</code>: <b class="mono">{brief(input.gradient)}</b>
            </span>
          </li>
        ))}
      </ul>
    </li>
  );
}
