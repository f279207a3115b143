/** A job's model as a graph, and what happened in it at a step. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { getDrawing, getGradients, type Place } from "../api/calls.ts";
import type { Gradients, Job } from "../api/models.ts";
import { count, number } from "../pure/format.ts";
import { barsOf } from "../pure/numbers.ts";
import { useQuestion, type Progress } from "./question.ts";
import { Card } from "./small.tsx";
import { WalkOf } from "./walk.tsx";

export function ModelCard({ job }: { job: Job }): JSX.Element {
  const place = useSignal<Place | null>(null);
  const wide = useSignal(false);
  return (
    <Card title="Model" class="model-card">
      <div class={wide.value ? "model-grid is-wide" : "model-grid"}>
        <Drawing job={job} place={place.value} onWidth={(width) => (wide.value ||= width > COLUMN_WIDTH)} />
        <Explain job={job} onPlace={(at) => (place.value = at)} />
      </div>
    </Card>
  );
}

/** Pixels; a drawing wider than this gets the card's whole width. */
const COLUMN_WIDTH = 700;

interface DrawingProps {
  readonly job: Job;
  readonly place: Place | null;
  /** Told how wide it was drawn. */
  readonly onWidth: (width: number) => void;
}

/** The last step that can be explained: a training's current one is not done; a search has been at its last point. */
const lastStepOf = (job: Job): number => job.progress.step - (job.kind === "train" ? 1 : 0);

/** As an image, SVG runs no script and reaches nothing; the page's content policy allows data: images. */
const imageOf = (svg: string): string => `data:image/svg+xml,${encodeURIComponent(svg)}`;

function Drawing({ job, place, onWidth }: DrawingProps): JSX.Element {
  const { progress, ask } = useQuestion<string>();
  const shown = useRef("");
  useEffect(
    () => ask(async (asking) => imageOf(await getDrawing(job.id, place, asking))),
    [job.id, place],
  );
  const loaded = (image: HTMLImageElement): void => {
    onWidth(image.naturalWidth);
    // The layers run down the middle; what they take in from the sides can be scrolled to.
    const frame = image.parentElement;
    requestAnimationFrame(() => frame?.scrollTo({ left: (frame.scrollWidth - frame.clientWidth) / 2 }));
  };
  const now = progress.value;
  // The drawing before stays in sight until the next one is there.
  if (now.state === "done") shown.current = now.answer;
  const isTraining = job.kind === "train";
  const about = place
    ? `with values and gradients (∂) ${isTraining ? `of row ${place.sample} ` : ""}at step ${count(place.step)}`
    : isTraining
      ? "from the data to the loss"
      : "from the unknowns to the value";
  return (
    <figure class="graph">
      <div class="graph-frame" role="group" tabIndex={0} aria-label="The graph; scroll to see all of it">
        {shown.current ? (
          <img src={shown.current} alt={`The graph of the model, ${about}`} onLoad={(event) => loaded(event.currentTarget)} />
        ) : null}
      </div>
      <figcaption class="note">
        {now.state === "failed" ? now.message : now.state === "busy" ? "Drawing …" : `The model, ${about}.`}
      </figcaption>
    </figure>
  );
}

function Explain({ job, onPlace }: { job: Job; onPlace: (place: Place | null) => void }): JSX.Element {
  const question = useQuestion<Gradients>();
  const last = lastStepOf(job);
  const typed = useSignal<string | null>(null);
  const step = useSignal<number | null>(null);
  if (job.started_at === null || last < 0) {
    return <p class="note">Once it has done a step, you can look into that step here.</p>;
  }
  const submit = (event: Event): void => {
    event.preventDefault();
    if (question.progress.peek().state === "busy") return;
    const wanted = Number(typed.value ?? last);
    typed.value = String(wanted);
    step.value = wanted;
    onPlace(null);
    question.ask((asking) => getGradients(job.id, wanted, asking));
  };
  const now = question.progress.value;
  const busy = now.state === "busy";
  return (
    <div class="explain">
      <form class="explain-form" onSubmit={submit}>
        <label class="field-inline">
          <span>Explain step</span>
          <input
            type="number"
            required
            min={0}
            max={last}
            value={typed.value ?? last}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button" aria-disabled={busy}>
          Explain
        </button>
        {busy ? (
          <button type="button" class="button quiet" onClick={question.stop}>
            Stop
          </button>
        ) : null}
        <span class="note">0 to {count(last)}</span>
      </form>
      <Said progress={now} step={step.value} of={job.kind === "train" ? " of the whole batch" : ""} />
      {now.state === "done" ? (
        <WalkOf key={now.answer.step} job={job} step={now.answer.step} onPlace={onPlace} />
      ) : null}
    </div>
  );
}

interface SaidProps {
  readonly progress: Progress<Gradients>;
  readonly step: number | null;
  /** What the gradient is that of, for a sentence. */
  readonly of: string;
}

function Said({ progress, step, of }: SaidProps): JSX.Element {
  if (progress.state === "done") return <Norms gradients={progress.answer} of={of} />;
  return (
    <div role="status">
      {progress.state === "none" ? (
        <p class="note">A worker computes the step again, to the same bits, and keeps the answer.</p>
      ) : null}
      {progress.state === "busy" ? (
        <p class="note is-busy">
          Step {count(step ?? 0)}: {progress.message || "computing"} …
        </p>
      ) : null}
      {progress.state === "failed" ? <p class="problem-text">{progress.message}</p> : null}
    </div>
  );
}

function Norms({ gradients, of }: { gradients: Gradients; of: string }): JSX.Element {
  return (
    <table class="norms">
      <caption>
        The gradient{of} at step {count(gradients.step)}, by its norm
      </caption>
      <thead>
        <tr>
          <th scope="col">Parameter</th>
          <th scope="col">Norm</th>
          <td />
        </tr>
      </thead>
      <tbody>
        {barsOf(gradients.norms).map(({ name, norm, share }) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td class="mono">{number(norm)}</td>
            <td class="norm-bar" aria-hidden="true">
              <span style={{ width: `${share * 100}%` }} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

