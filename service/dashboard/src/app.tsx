/** The frame around every page: navigation, and word of a service that is away. */

import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { JobPage } from "./pages/job.tsx";
import { JobsPage } from "./pages/jobs.tsx";
import { KeyPage } from "./pages/key.tsx";
import { NewPage } from "./pages/new.tsx";
import { WorkersPage } from "./pages/workers.tsx";
import { Empty } from "./parts/small.tsx";
import { span } from "./pure/format.ts";
import { addressOf } from "./place.ts";
import { listLink } from "./pure/listing.ts";
import { retryNow } from "./poller.ts";
import { focusMain, key, leave, listing, now, outage, route, seeking } from "./session.ts";

export function App(): JSX.Element {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Bar />
      <Outage />
      <main id="main" tabIndex={-1}>
        {key.value !== null ? <Current /> : seeking.value ? null : <KeyPage />}
      </main>
    </>
  );
}

/** The address's fragment is the route, so this link must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Current(): JSX.Element {
  const at = route.value;
  const place = at.page === "job" ? `job ${at.id}` : at.page;
  // The link that led here is gone with its page. A page that takes the focus itself keeps it.
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current && (document.activeElement === null || document.activeElement === document.body)) {
      focusMain();
    }
    isFirst.current = false;
  }, [place]);
  switch (at.page) {
    case "jobs":
      return <JobsPage listing={at.listing} />;
    case "job":
      return <JobPage key={at.id} id={at.id} />;
    case "workers":
      return <WorkersPage />;
    case "new":
      return <NewPage from={at.from} />;
    case "lost":
      return <Lost path={at.path} />;
  }
}

function Lost({ path }: { path: string }): JSX.Element {
  useEffect(() => {
    document.title = "No such page · Lockstep";
  }, []);
  return (
    <Empty title="There is no such page.">
      <p>
        <code>{path}</code>
      </p>
      <a class="button" href="#/">
        All jobs
      </a>
    </Empty>
  );
}

function Bar(): JSX.Element {
  const at = route.value.page;
  const current = (pages: readonly string[]): { "aria-current"?: "page" } =>
    pages.includes(at) ? { "aria-current": "page" } : {};
  return (
    <header class="bar">
      <a class="brand" href="#/" aria-label="Lockstep: all jobs">
        <img src={addressOf("/favicon.svg")} width="26" height="26" alt="" />
        <span>Lockstep</span>
      </a>
      {key.value === null ? null : (
        <nav aria-label="Pages">
          <a href={at === "jobs" ? "#/" : listLink(listing.value)} {...current(["jobs", "job"])}>
            Jobs
          </a>
          <a href="#/workers" {...current(["workers"])}>
            Workers
          </a>
          <a href="#/new" {...current(["new"])}>
            New job
          </a>
        </nav>
      )}
      <span class="bar-end">
        <a href={addressOf("/docs")}>API</a>
        {key.value === null ? null : (
          <button
            type="button"
            class="button small quiet"
            title="Forget the key"
            onClick={() => leave(false)}
          >
            Leave
          </button>
        )}
      </span>
    </header>
  );
}

function Outage(): JSX.Element {
  const away = outage.value;
  return (
    <div role="status">
      {away ? (
        <div class="outage">
          <span>
            <b>The service does not answer</b> ({away.reason}), for{" "}
            {span(Math.max(1, Math.floor((now.value - away.since) / 1000)))}. What you see may be old; this
            page tries again by itself.
          </span>
          <button type="button" class="button small" onClick={retryNow}>
            Try now
          </button>
        </div>
      ) : null}
    </div>
  );
}
