/** The page's smallest parts. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import type { Job, Status } from "../api/models.ts";
import { barsOf } from "../pure/digest.ts";
import { ago, clockTime, count, moment, nameOf, percent, words } from "../pure/format.ts";
import { now } from "../session.ts";

/** A status as a word with a sign of its own shape, so that colour is never the only difference. */
export function StatusBadge({ status, reason }: { status: Status; reason?: string | null }): JSX.Element {
  return (
    <span class={`badge is-${status}`}>
      <span class="badge-sign" aria-hidden="true" />
      {words(status)}
      {reason ? <span class="badge-reason"> · {words(reason)}</span> : null}
    </span>
  );
}

export function Ago({ at }: { at: string | null }): JSX.Element {
  const when = moment(at);
  if (at === null || when === null) return <span>–</span>;
  return (
    <time dateTime={at} title={new Date(when).toLocaleString()}>
      {ago(when, now.value)}
    </time>
  );
}

export function Clock({ at }: { at: string }): JSX.Element {
  const when = moment(at);
  return (
    <time class="mono" dateTime={at} title={at}>
      {when === null ? at : clockTime(when)}
    </time>
  );
}

/** How far a job is: an honest bar (a queued job's is empty), with the step beside it. */
export function ProgressBar({ job }: { job: Job }): JSX.Element {
  const { fraction } = job.progress;
  const label = `${nameOf(job)}: ${percent(fraction)}`;
  return (
    <span class={`progress is-${job.status}`}>
      <progress max={1} value={fraction} aria-label={label} />
      <span class="progress-text">{percent(fraction)}</span>
    </span>
  );
}

export function stepsOf(job: Job): string {
  return `${count(job.progress.step)} / ${count(job.progress.steps)}`;
}

/** Copies a text; says so for a moment, to the ear as well. */
export function CopyButton({ text, what }: { text: string; what: string }): JSX.Element {
  const said = useSignal("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      said.value = "Copied";
    } catch {
      // Without https or a permission there is no clipboard; selecting by hand always works.
      said.value = "Select it and copy by hand";
    }
    setTimeout(() => (said.value = ""), 2000);
  };
  return (
    <button type="button" class="button small quiet" onClick={() => void copy()} aria-label={`Copy ${what}`}>
      <span aria-live="polite">{said.value || "Copy"}</span>
    </button>
  );
}

export function DigestMark({ digest }: { digest: string }): JSX.Element {
  return (
    <svg class="digest-mark" viewBox="0 0 31 16" width="31" height="16" aria-hidden="true">
      {barsOf(digest).map((bar, i) => (
        <rect
          key={i}
          x={i * 4}
          y={16 - bar.height * 4}
          width="3"
          height={bar.height * 4}
          rx="1"
          fill={`hsl(${bar.hue} 55% 50%)`}
        />
      ))}
    </svg>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A line for a terminal, with a button that copies it. */
export function Command({ line }: { line: string }): JSX.Element {
  return (
    <div class="command">
      <code tabIndex={0}>{line}</code>
      <CopyButton text={line} what="this command" />
    </div>
  );
}

export function Card(props: {
  title: string;
  class?: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={`card ${props.class ?? ""}`} aria-label={props.title}>
      <div class="card-head">
        <h2>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

export interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
}

export function Facts({ facts, class: kind }: { facts: readonly Fact[]; class?: string }): JSX.Element {
  return (
    <dl class={`facts ${kind ?? ""}`}>
      {facts.map((fact) => (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}
