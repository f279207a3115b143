/** What a user does to a job: buttons at its head. The service says what it became, and the page shows that at once. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { cancelJob, cloneJob, deleteJob, editJob, pauseJob, resumeJob } from "../api/calls.ts";
import { explain } from "../api/http.ts";
import type { Job } from "../api/models.ts";
import { retryNow } from "../poller.ts";
import { nameOf, words } from "../pure/format.ts";
import { listLink } from "../pure/listing.ts";
import { jobLink } from "../pure/route.ts";
import { focusMain, listing } from "../session.ts";
import type { JobWatch } from "../watch.ts";
import { Confirm, FormDialog } from "./dialog.tsx";

interface VerbProps {
  readonly job: Job;
  readonly watch: JobWatch;
}

/** Makes a call and takes in the job that it answers; what went wrong is said, and taken back by the next call. */
function useVerb(watch: JobWatch): {
  readonly problem: string;
  readonly act: (call: Promise<Job>) => Promise<void>;
} {
  const problem = useSignal("");
  const act = async (call: Promise<Job>): Promise<void> => {
    try {
      watch.accept(await call);
      problem.value = "";
      retryNow();
    } catch (error) {
      problem.value = explain(error);
    }
  };
  return { problem: problem.value, act };
}

function Problem({ text }: { text: string }): JSX.Element {
  return (
    <span class="problem-text" role="status">
      {text}
    </span>
  );
}

/** One button for both ways, so that who pressed it stands on what takes it back. */
export function PauseButton({ job, watch }: VerbProps): JSX.Element | null {
  const { problem, act } = useVerb(watch);
  if (job.is_terminal || job.status === "cancelling") return null;
  const isAside = job.status === "paused" || job.status === "pausing";
  return (
    <>
      <Problem text={problem} />
      <button
        type="button"
        class={isAside ? "button primary" : "button"}
        title={isAside ? "It goes on from where it was" : "It is set aside with a checkpoint, until it is resumed"}
        onClick={() => void act(isAside ? resumeJob(job.id) : pauseJob(job.id))}
      >
        {isAside ? "Resume" : "Pause"}
      </button>
    </>
  );
}

/** What a job is called, and when it comes. */
export function EditButton({ job, watch }: VerbProps): JSX.Element {
  const open = useSignal(false);
  const name = useSignal("");
  const priority = useSignal(0);
  const show = (): void => {
    name.value = job.name ?? "";
    priority.value = job.priority;
    open.value = true;
  };
  const save = async (): Promise<void> => {
    const called = name.value.trim();
    watch.accept(await editJob(job.id, { name: called === "" ? null : called, priority: priority.value }));
  };
  return (
    <>
      <button type="button" class="button" onClick={show}>
        Edit
      </button>
      <FormDialog
        open={open.value}
        title="Edit this job"
        submit="Save"
        act={save}
        onClose={() => (open.value = false)}
      >
        <label class="field">
          <span>Name</span>
          <input
            type="text"
            maxLength={200}
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Priority, -100 to 100: the greater, the sooner</span>
          <input
            type="number"
            min={-100}
            max={100}
            step={1}
            required
            value={priority.value}
            onInput={(event) => (priority.value = event.currentTarget.valueAsNumber)}
          />
        </label>
      </FormDialog>
    </>
  );
}

export function CloneButton({ job }: { job: Job }): JSX.Element {
  const open = useSignal(false);
  const patch = useSignal("{}");
  const submit = async (): Promise<void> => {
    const made = await cloneJob(job.id, patch.value, crypto.randomUUID());
    location.hash = jobLink(made.id);
  };
  return (
    <>
      <button type="button" class="button" onClick={() => (open.value = true)}>
        Clone
      </button>
      <FormDialog
        open={open.value}
        title="Clone this job"
        submit="Clone it"
        act={submit}
        onClose={() => (open.value = false)}
      >
        <p>
          A new job of the same spec. What is to be otherwise, as JSON: <code>{'{"epochs": 50}'}</code>; null
          takes a key out.
        </p>
        <label class="field">
          <span>Changes</span>
          <textarea
            rows={5}
            spellcheck={false}
            value={patch.value}
            onInput={(event) => (patch.value = event.currentTarget.value)}
          />
        </label>
      </FormDialog>
    </>
  );
}

export function DeleteButton({ job }: { job: Job }): JSX.Element {
  const asking = useSignal(false);
  const problem = useSignal("");
  const remove = async (): Promise<void> => {
    asking.value = false;
    try {
      await deleteJob(job.id);
      location.hash = listLink(listing.peek());
    } catch (error) {
      problem.value = explain(error);
    }
  };
  return (
    <>
      <Problem text={problem.value} />
      <button type="button" class="button danger-quiet" onClick={() => (asking.value = true)}>
        Delete
      </button>
      <Confirm
        open={asking.value}
        title="Delete this job?"
        yes="Delete the job"
        no="Keep it"
        onYes={() => void remove()}
        onNo={() => (asking.value = false)}
      >
        <p>
          {`${nameOf(job)}, ${words(job.status)}, goes for good, with its weights, its history and its events.`}
        </p>
      </Confirm>
    </>
  );
}

export function CancelButton({ job, watch }: VerbProps): JSX.Element {
  const asking = useSignal(false);
  const { problem, act } = useVerb(watch);
  const busy = job.status === "cancelling";
  const button = useRef<HTMLButtonElement>(null);
  // The button goes when the job is over; who stood on it goes on from the top of the page.
  useLayoutEffect(() => {
    const own = button.current;
    return () => {
      if (own === document.activeElement) focusMain();
    };
  }, []);
  const cancel = (): void => {
    asking.value = false;
    void act(cancelJob(job.id));
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class="button danger-quiet"
        aria-disabled={busy}
        onClick={() => (asking.value = !busy)}
      >
        {busy ? "Cancelling …" : "Cancel"}
      </button>
      <Problem text={problem} />
      <Confirm
        open={asking.value}
        title="Cancel this job?"
        yes="Cancel the job"
        no="Keep it going"
        onYes={cancel}
        onNo={() => (asking.value = false)}
      >
        <p>
          It stops after its present step. What it recorded stays; a cancelled job cannot be started again.
        </p>
      </Confirm>
    </>
  );
}
