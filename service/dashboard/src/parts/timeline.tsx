/** How a job came to be where it is: its changes of status, and its events. */

import type { JSX } from "preact";
import type { Job, JobEvent, Transition } from "../api/models.ts";
import { moment, span, words } from "../pure/format.ts";
import { now } from "../session.ts";
import { Card, Clock, StatusBadge } from "./small.tsx";

export function TimelineCard({ job }: { job: Job }): JSX.Element {
  const transitions = job.transitions ?? [];
  return (
    <Card title="Timeline">
      <ol class="timeline">
        {transitions.map((one, i) => (
          <li key={i} class={`is-${one.status}`}>
            <StatusBadge status={one.status} />
            <Clock at={one.at} />
            <span class="muted">{lasted(one, transitions[i + 1], job)}</span>
            {one.reason ? <span class="timeline-reason muted">{words(one.reason)}</span> : null}
          </li>
        ))}
      </ol>
    </Card>
  );
}

function lasted(one: Transition, next: Transition | undefined, job: Job): string {
  if (!next && job.is_terminal) return "";
  const from = moment(one.at);
  const to = next ? moment(next.at) : now.value;
  if (from === null || to === null) return "";
  const seconds = (to - from) / 1000;
  return next ? `for ${span(seconds)}` : `${span(Math.max(1, Math.floor(seconds)))} so far`;
}

/** Events that say all in their message. */
const SENTENCES: ReadonlySet<string> = new Set(["finding", "workers_advised", "slow_member", "changed"]);

/** The message, and what the event carries beside it, where the message does not say it all. */
function said(event: JobEvent): string {
  const data = Object.entries(event.data).filter(([, value]) => value !== null && typeof value !== "object");
  if (event.type === "status")
    return event.data["reason"] ? `${event.message} (${words(String(event.data["reason"]))})` : event.message;
  if (SENTENCES.has(event.type)) return event.message;
  const parts = data.map(([name, value]) => `${words(name)} ${String(value)}`);
  return [event.message === words(event.type) ? "" : event.message, parts.join(", ")]
    .filter((part) => part !== "")
    .join(" · ");
}

const MOST_EVENTS = 200;

export function EventsCard({ events }: { events: readonly JobEvent[] }): JSX.Element {
  const shown = events.slice(-MOST_EVENTS).reverse();
  return (
    <Card title="Events" aside={<span class="muted">newest first</span>}>
      {shown.length === 0 ? <p class="note">Nothing has happened yet.</p> : null}
      <ol class="events">
        {shown.map((event) => (
          <li key={event.id} class={`is-${event.level}`}>
            <Clock at={event.created_at} />
            <span class="event-type">{words(event.type)}</span>
            <span class="event-text">{said(event)}</span>
          </li>
        ))}
      </ol>
      {events.length > shown.length ? (
        <p class="note">{`The latest ${shown.length} of ${events.length}; all of them: GET /v1/jobs/{id}/events.`}</p>
      ) : null}
    </Card>
  );
}
