/** Training a job again to compare: the button that asks for it, and what came of it. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { verifyJob } from "../api/calls.ts";
import type { Job } from "../api/models.ts";
import { jobLink } from "../pure/route.ts";
import { mostWorkers, verdictOf } from "../pure/verdict.ts";
import { FormDialog } from "./dialog.tsx";

export function VerifyButton({ job }: { job: Job }): JSX.Element | null {
  const open = useSignal(false);
  if (!job.result?.weights_sha256) return null;
  return (
    <>
      <button type="button" class="button" onClick={() => (open.value = true)}>
        Verify
      </button>
      <VerifyDialog job={job} open={open.value} onClose={() => (open.value = false)} />
    </>
  );
}

interface DialogProps {
  readonly job: Job;
  readonly open: boolean;
  readonly onClose: () => void;
}

function VerifyDialog({ job, open, onClose }: DialogProps): JSX.Element {
  const most = mostWorkers(job.spec);
  const workers = useSignal(Math.min(2, most));
  const chaos = useSignal(false);
  const ask = async (): Promise<void> => {
    const asked = { workers: workers.value, chaos: chaos.value && workers.value > 1 };
    const made = await verifyJob(job.id, asked, crypto.randomUUID());
    location.hash = jobLink(made.id);
  };
  return (
    <FormDialog open={open} title="Verify this job" submit="Train it again" act={ask} onClose={onClose}>
      <p>A new job trains it again. The weights must come out the same, bit for bit.</p>
      <label class="field">
        <span>Workers, at most {most}</span>
        <input
          type="number"
          min={1}
          max={most}
          required
          value={workers.value}
          onInput={(event) => (workers.value = event.currentTarget.valueAsNumber)}
        />
      </label>
      <label class="choice">
        <input
          type="checkbox"
          checked={chaos.value && workers.value > 1}
          disabled={!(workers.value > 1)}
          onChange={(event) => (chaos.value = event.currentTarget.checked)}
        />{" "}
        Send helpers away and call them again at random steps
      </label>
    </FormDialog>
  );
}

/** Of a job that verifies another: which, and what came of it. */
export function Verdict({ job }: { job: Job }): JSX.Element | null {
  if (job.verifies === null) return null;
  const verdict = verdictOf(job.result);
  const waiting = job.is_terminal ? "It ended before it could compare." : "It compares the weights at its end.";
  return (
    <div class="verified">
      <p>
        Verifies{" "}
        <a href={jobLink(job.verifies)}>
          <code>{job.verifies}</code>
        </a>
      </p>
      <p class={`verdict is-${verdict?.sign ?? "none"}`} role="status">
        {verdict?.text ?? waiting}
      </p>
      {job.result?.matches === false ? (
        <p>
          Expected <code class="digest-text">{job.result.expected_sha256}</code>
        </p>
      ) : null}
    </div>
  );
}
