/** Tells of a job's end while the tab is hidden: a system notice where it was asked for, and one here. */

import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import type { Job } from "../api/models.ts";
import { nameOf, words } from "../pure/format.ts";
import { Ago } from "./small.tsx";

const KEPT = "lockstep.notices";

/** Whether somebody asked this tab for notices. */
const wanted = signal(sessionStorage.getItem(KEPT) === "1");

/** Browsers give notices to pages from this machine and over https alone. */
const canNotify = (): boolean => "Notification" in window && window.isSecureContext;

export function NoticeButton(): JSX.Element | null {
  const problem = useSignal("");
  if (!canNotify()) return null;
  const isOn = wanted.value && Notification.permission === "granted";
  const toggle = async (): Promise<void> => {
    const allowed = isOn || (await Notification.requestPermission()) === "granted";
    wanted.value = allowed && !isOn;
    sessionStorage.setItem(KEPT, wanted.value ? "1" : "0");
    problem.value = allowed ? "" : "The browser does not allow this page to show notices.";
  };
  return (
    <>
      <span class="problem-text" role="status">
        {problem.value}
      </span>
      <button
        type="button"
        class="button"
        aria-pressed={isOn}
        title="A system notice when the job ends while this tab is hidden"
        onClick={() => void toggle()}
      >
        {isOn ? "✓ Notify at the end" : "Notify at the end"}
      </button>
    </>
  );
}

/** Says that the job ended while nobody looked, once somebody does. */
export function EndNotice({ job }: { job: Job }): JSX.Element {
  const wasOver = useRef(job.is_terminal);
  const isMissed = useSignal(false);
  useEffect(() => {
    if (!job.is_terminal || wasOver.current) return;
    wasOver.current = true;
    if (document.visibilityState === "visible") return;
    isMissed.value = true;
    if (wanted.peek() && canNotify() && Notification.permission === "granted") {
      const notice = new Notification(`${nameOf(job)}: ${words(job.status)}`, { tag: job.id });
      notice.onclick = () => window.focus();
    }
  }, [job.is_terminal]);
  return (
    <div role="status">
      {isMissed.value ? (
        <p class="notice missed">
          <span>
            It ended while you looked elsewhere: <b>{words(job.status)}</b>, <Ago at={job.finished_at} />.
          </span>
          <button type="button" class="button small" onClick={() => (isMissed.value = false)}>
            Close
          </button>
        </p>
      ) : null}
    </div>
  );
}
