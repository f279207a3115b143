/** What a finished job gave: its numbers, its weights, and the digest that others can be compared with. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { downloadWeights, WEIGHT_FORMATS, type WeightFormat } from "../api/calls.ts";
import { explain } from "../api/http.ts";
import type { Job, Result } from "../api/models.ts";
import { compareDigest } from "../pure/digest.ts";
import { count, number, words } from "../pure/format.ts";
import { shortJson } from "../pure/describe.ts";
import type { Json } from "../pure/json.ts";
import { goalWords } from "../pure/goal.ts";
import { singles, tables } from "../pure/metrics.ts";
import { Card, CopyButton, DigestMark, Facts, type Fact } from "./small.tsx";
import { Verdict } from "./verify.tsx";

export function ResultCard({ job, result }: { job: Job; result: Result }): JSX.Element {
  const metrics = singles(result.metrics);
  const byClass = tables(result.metrics);
  const goal = goalWords({ ...job.spec, kind: job.kind }, result);
  const facts: Fact[] = [
    ...(goal === null ? [] : [{ name: "Goal", value: goal }]),
    result.value === undefined
      ? { name: "Final loss", value: <span class="mono">{number(result.loss)}</span> }
      : { name: "Final value", value: <span class="mono">{number(result.value)}</span> },
    { name: "Steps", value: count(result.steps) },
    { name: "Stopped because", value: stopWords(result.stop_reason) },
  ];
  return (
    <Card title="Result">
      {metrics.length ? (
        <ul class="metrics">
          {metrics.map(([name, value]) => (
            <li key={name}>
              <span class="metric-value mono">{number(value)}</span>
              <span class="metric-name">{words(name)}</span>
            </li>
          ))}
        </ul>
      ) : null}
      <Facts facts={facts} />
      {byClass ? (
        <details>
          <summary>Metrics by class</summary>
          <div class="json">
            <pre tabIndex={0}>{byClass}</pre>
          </div>
        </details>
      ) : null}
      {result.parameters ? <Parameters parameters={result.parameters} /> : null}
      {result.weights_sha256 === null ? null : <Weights id={job.id} />}
    </Card>
  );
}

/** What is left of a job that ended before its time. */
export function LearnedCard({ job }: { job: Job }): JSX.Element {
  return (
    <Card title="Learned so far">
      <p class="note">The weights of its last checkpoint are kept. Another job can start from them.</p>
      <Weights id={job.id} />
    </Card>
  );
}

function stopWords(reason: string): string {
  const known: Readonly<Record<string, string>> = {
    steps_done: "all steps are done",
    loss_below: "the loss fell below its goal",
    patience: "the validation loss no longer improved",
    value_below: "the value fell below its goal",
    gradient_norm_below: "the gradient became short enough",
    not_comparable: "no worker could compare",
    tolerance: "the value is near enough to the target",
  };
  return known[reason] ?? words(reason);
}

function Parameters({ parameters }: { parameters: Readonly<Record<string, Json>> }): JSX.Element {
  const entries = Object.entries(parameters);
  const scalars = entries.filter(([, value]) => typeof value !== "object");
  return (
    <>
      {scalars.length ? (
        <Facts
          class="parameters"
          facts={scalars.map(([name, value]) => ({ name, value: <span class="mono">{String(value)}</span> }))}
        />
      ) : null}
      {scalars.length < entries.length ? (
        <details>
          <summary>Parameters</summary>
          <div class="json">
            <CopyButton text={JSON.stringify(parameters)} what="the parameters" />
            <pre tabIndex={0}>{shortJson(parameters)}</pre>
          </div>
        </details>
      ) : null}
    </>
  );
}

function Weights({ id }: { id: string }): JSX.Element {
  const problem = useSignal("");
  const busy = useSignal<WeightFormat | null>(null);
  const download = async (format: WeightFormat): Promise<void> => {
    if (busy.value !== null) return;
    busy.value = format;
    problem.value = "";
    try {
      await downloadWeights(id, format);
    } catch (error) {
      problem.value = explain(error);
    } finally {
      busy.value = null;
    }
  };
  return (
    <div class="weights">
      <span class="label">Download the weights</span>
      <span class="actions">
        {WEIGHT_FORMATS.map((format) => (
          <button
            key={format}
            type="button"
            class="button small"
            aria-disabled={busy.value !== null}
            onClick={() => void download(format)}
          >
            {format}
          </button>
        ))}
      </span>
      <span class="problem-text" role="status">
        {problem.value}
      </span>
    </div>
  );
}

/** Everything that the weights follow from, and the digest that proves it. */
export function DeterminismCard({ job }: { job: Job }): JSX.Element {
  const digest = job.result?.weights_sha256 ?? null;
  const said = (name: string): string => String(job.spec?.[name] ?? "–");
  const workers = job.is_terminal ? job.workers.wanted : `${job.workers.active} of ${job.workers.wanted}`;
  const facts: Fact[] = [
    { name: "Seed", value: <span class="mono">{said("seed")}</span> },
    { name: "Shards", value: <span class="mono">{said("shards")}</span> },
    { name: "Dtype", value: <span class="mono">{said("dtype")}</span> },
    {
      name: job.is_terminal ? "Workers wanted" : "Workers now",
      value: <span class="mono">{workers}</span>,
    },
  ];
  return (
    <Card title="Same bits">
      <Facts class="is-compact" facts={facts} />
      <Verdict job={job} />
      {digest ? <Digest digest={digest} /> : <p class="note">{promise(job)}</p>}
    </Card>
  );
}

function promise(job: Job): string {
  if (job.damaged.some(({ part }) => part === "result"))
    return "The stored result can't be read any more, and the digest was part of it.";
  if (job.result) return "No weights were made, so there is no digest.";
  return job.is_terminal
    ? "This job ended without final weights, so it has no digest."
    : "The digest of the weights comes with the end. It is the same on any number of workers.";
}

function Digest({ digest }: { digest: string }): JSX.Element {
  const pasted = useSignal("");
  const verdict = pasted.value.trim() === "" ? null : compareDigest(digest, pasted.value);
  const said = {
    same: "The same weights, bit for bit.",
    different: "Different weights.",
    unreadable: "A digest has 64 hexadecimal digits.",
  };
  return (
    <div class="digest">
      <div class="digest-head">
        <span class="label">SHA-256 of the weights</span>
        <DigestMark digest={digest} />
        <CopyButton text={digest} what="the digest" />
      </div>
      <code class="digest-text" data-testid="digest">
        {digest}
      </code>
      <label class="field">
        <span>Compare with another job's digest</span>
        <input
          type="text"
          class="mono"
          placeholder="Paste it here"
          spellcheck={false}
          autocomplete="off"
          value={pasted.value}
          onInput={(event) => (pasted.value = event.currentTarget.value)}
        />
      </label>
      <p class={`verdict is-${verdict ?? "none"}`} role="status">
        {verdict ? said[verdict] : "Same spec and seed: the same digest, whatever the number of workers."}
      </p>
    </div>
  );
}
