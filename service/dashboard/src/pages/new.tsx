/** Writing a job: examples, checking without submitting, and each problem shown at its place in the text. */

import { signal, useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { createJob, getSpec, validateJob } from "../api/calls.ts";
import { explain, Refused } from "../api/http.ts";
import type { SpecProblem } from "../api/models.ts";
import { EXAMPLES } from "../examples.ts";
import { Editor, reveal } from "../parts/editor.tsx";
import { Command } from "../parts/small.tsx";
import { addressOf } from "../place.ts";
import { shortJson } from "../pure/describe.ts";
import { count } from "../pure/format.ts";
import { JsonSyntaxError, lineOf, nearestPlace, placesOf } from "../pure/pointer.ts";
import { jobLink } from "../pure/route.ts";

/** What was written stays while the page is open, so that a look at another job loses nothing. */
const text = signal(EXAMPLES[0]?.spec ?? "");
/** The text as an example or a job gave it: what differs from it, a person wrote. */
let given = text.peek();
/** What a person wrote before an example or a job took its place, the latest first. */
const drafts = signal<readonly string[]>([]);
const MOST_DRAFTS = 5;

/** Puts a text into the form; what a person wrote there is kept. */
function put(next: string): void {
  const own = text.peek();
  const isOwn = own !== given && own.trim() !== "";
  const others = drafts.peek().filter((draft) => draft !== own && draft !== next);
  drafts.value = isOwn ? [own, ...others].slice(0, MOST_DRAFTS) : others;
  text.value = next;
  given = EXAMPLES.some((example) => example.spec === next) ? next : "";
}

interface Finding extends SpecProblem {
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

type Verdict =
  | { readonly kind: "none" }
  | { readonly kind: "busy" }
  | { readonly kind: "fine"; readonly steps: number; readonly spec: string }
  | { readonly kind: "wrong"; readonly message: string; readonly findings: readonly Finding[] };

export function NewPage({ from }: { from: string | null }): JSX.Element {
  const verdict = useSignal<Verdict>({ kind: "none" });
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    document.title = "New job · Lockstep";
  }, []);
  useStartFrom(from, verdict);
  const write = (written: string): void => {
    text.value = written;
    verdict.value = { kind: "none" };
  };
  const take = (whole: string): void => {
    put(whole);
    verdict.value = { kind: "none" };
  };
  const findings = verdict.value.kind === "wrong" ? verdict.value.findings : [];
  const submit = (): void => void attempt(verdict, submitText);
  return (
    <div class="new">
      <div class="page-head">
        <h1>New job</h1>
      </div>
      <fieldset class="examples">
        <legend>Start from an example</legend>
        {EXAMPLES.map((example) => (
          <button
            key={example.name}
            type="button"
            class="example"
            aria-pressed={text.value === example.spec}
            onClick={() => take(example.spec)}
          >
            <b>{example.name}</b>
            <span>{example.about}</span>
          </button>
        ))}
        {drafts.value.map((draft) => (
          <button key={draft} type="button" class="example" aria-pressed={false} onClick={() => take(draft)}>
            <b>Your text</b>
            <span class="mono">{firstWords(draft)}</span>
          </button>
        ))}
      </fieldset>
      <div class="new-grid">
        <div>
          <label class="label" for="spec">
            The job as JSON
          </label>
          <Editor
            text={text.value}
            marks={findings}
            area={area}
            describedBy="verdict"
            onText={write}
            onSubmit={submit}
          />
          <div class="actions">
            <button
              type="button"
              class="button primary"
              aria-disabled={verdict.value.kind === "busy"}
              onClick={submit}
            >
              Submit
            </button>
            <button
              type="button"
              class="button"
              aria-disabled={verdict.value.kind === "busy"}
              onClick={() => void attempt(verdict, validateText)}
            >
              Check only
            </button>
            <span class="note">Ctrl + Enter submits</span>
          </div>
        </div>
        <div id="verdict" aria-live="polite">
          <Said
            verdict={verdict.value}
            onGo={(one) => area.current && reveal(area.current, one.start, one.end, one.line)}
          />
        </div>
      </div>
    </div>
  );
}

const firstWords = (written: string): string => written.replaceAll(/\s+/g, " ").slice(0, 80);

/** Fills in the spec of the job that the address names. */
function useStartFrom(from: string | null, verdict: Signal<Verdict>): void {
  useEffect(() => {
    if (from === null) return undefined;
    const controller = new AbortController();
    // Until the spec is here, what stands in the form is another job's.
    verdict.value = { kind: "busy" };
    getSpec(from, controller.signal).then(
      (spec) => {
        put(shortJson(spec, Infinity));
        given = text.peek();
        verdict.value = { kind: "none" };
      },
      (error: unknown) => {
        if (!controller.signal.aborted)
          verdict.value = { kind: "wrong", message: explain(error), findings: [] };
      },
    );
    return () => controller.abort();
  }, [from]);
}

async function validateText(written: string): Promise<Verdict> {
  const { steps, spec } = await validateJob(written);
  return { kind: "fine", steps, spec: shortJson(spec) };
}

async function submitText(written: string): Promise<Verdict> {
  // One key for one press of the button: the browser's own retries make no second job.
  const job = await createJob(written, crypto.randomUUID());
  location.hash = jobLink(job.id);
  return { kind: "none" };
}

async function attempt(verdict: Signal<Verdict>, act: (written: string) => Promise<Verdict>): Promise<void> {
  if (verdict.value.kind === "busy") return;
  const written = text.value;
  try {
    placesOf(written);
  } catch (error) {
    verdict.value = unreadable(written, error);
    return;
  }
  verdict.value = { kind: "busy" };
  try {
    verdict.value = await act(written);
  } catch (error) {
    verdict.value = {
      kind: "wrong",
      message: explain(error),
      findings: error instanceof Refused ? located(written, error.problems) : [],
    };
  }
}

function unreadable(written: string, error: unknown): Verdict {
  if (!(error instanceof JsonSyntaxError)) throw error;
  const start = error.offset;
  const finding = {
    pointer: "",
    code: "json",
    message: error.message,
    start,
    end: Math.min(start + 1, written.length),
    line: lineOf(written, start),
  };
  return { kind: "wrong", message: "This is not JSON yet.", findings: [finding] };
}

function located(written: string, problems: readonly SpecProblem[]): Finding[] {
  const places = placesOf(written);
  return problems.map((problem) => {
    const { start, end } = nearestPlace(places, problem.pointer) ?? { start: 0, end: 0 };
    return { ...problem, start, end, line: lineOf(written, start) };
  });
}

function Said({ verdict, onGo }: { verdict: Verdict; onGo: (finding: Finding) => void }): JSX.Element | null {
  if (verdict.kind === "none") return <Hints />;
  if (verdict.kind === "busy") return <p class="note">Asking the service …</p>;
  if (verdict.kind === "fine") {
    return (
      <div class="verdict-box is-fine">
        <strong>This job can be submitted.</strong>
        <p>{`At most ${count(verdict.steps)} steps. With all defaults filled in:`}</p>
        <div class="json">
          <pre tabIndex={0}>{verdict.spec}</pre>
        </div>
      </div>
    );
  }
  const many = verdict.findings.length;
  return (
    <div class="verdict-box is-wrong">
      <strong>
        {many > 1
          ? `${many} things to put right`
          : many === 1
            ? "One thing to put right"
            : "That did not work"}
      </strong>
      <p>{verdict.message}</p>
      <ul class="findings">
        {verdict.findings.map((one, i) => (
          <li key={i}>
            <button type="button" onClick={() => onGo(one)}>
              <span class="mono">{`line ${one.line}${one.pointer ? ` · ${one.pointer}` : ""}`}</span>
              <span>{one.message}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Hints(): JSX.Element {
  return (
    <div class="hints">
      <p>
        <b>Check only</b> tells what is wrong, and where, without submitting. All keys and limits:{" "}
        <a href={addressOf("/docs")}>/docs</a>.
      </p>
      <p>
        <b>workers</b> changes how fast a job learns, never what it learns: run it again with another number
        and compare the digests.
      </p>
      <p>The same from a terminal:</p>
      <Command line="lockstep train job.json --watch" />
    </div>
  );
}
