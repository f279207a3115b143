/** A spec, readable first and whole below. */

import type { JSX } from "preact";
import type { Job } from "../api/models.ts";
import { describe, shortJson } from "../pure/describe.ts";
import { ALL, listLink } from "../pure/listing.ts";
import { againLink } from "../pure/route.ts";
import { Card, CopyButton, Facts } from "./small.tsx";

export function SpecCard({ job }: { job: Job }): JSX.Element {
  const metadata = Object.entries(job.metadata ?? {});
  if (job.spec === null) {
    return (
      <Card title="Spec">
        <p class="note">The stored spec can't be read any more.</p>
      </Card>
    );
  }
  const said = describe(job.spec);
  return (
    <Card title="Spec" aside={<a href={againLink(job.id)}>Use as a new job</a>}>
      <ol class={said.isExpression ? "model is-expression" : "model"} aria-label="Model">
        {said.model.map((part, i) => (
          <li key={i}>
            <code>{part}</code>
          </li>
        ))}
      </ol>
      <Facts facts={said.rows.map(([name, value]) => ({ name, value }))} />
      {metadata.length ? (
        <Facts
          class="metadata"
          facts={metadata.map(([name, value]) => ({ name, value: <Others name={name} value={value} /> }))}
        />
      ) : null}
      <details>
        <summary>As JSON</summary>
        <div class="json">
          <CopyButton text={JSON.stringify(job.spec, null, 2)} what="the spec" />
          <pre tabIndex={0}>{shortJson(job.spec)}</pre>
        </div>
      </details>
    </Card>
  );
}

/** A value of the metadata, as a link to the jobs that have it. */
function Others({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <a class="others" href={listLink({ ...ALL, metadata: [[name, value]] })} title="All jobs with this">
      {value === "" ? "(empty)" : value}
    </a>
  );
}
