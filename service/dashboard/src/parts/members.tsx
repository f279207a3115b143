/** Who works and has worked at a job, and where their time went. */

import type { JSX } from "preact";
import type { Member } from "../api/models.ts";
import { count, span, words } from "../pure/format.ts";
import { presentFirst } from "../pure/members.ts";
import { Card } from "./small.tsx";

const MOST_SHOWN = 20;

export function MembersCard({ members }: { members: readonly Member[] }): JSX.Element | null {
  if (members.length < 2) return null;
  const shown = presentFirst(members).slice(0, MOST_SHOWN);
  return (
    <Card title="Members" class="members-card">
      <table class="members">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Role</th>
            <th scope="col">By</th>
            <th scope="col">Steps</th>
            <th scope="col">Shards</th>
            <th scope="col">Computing</th>
            <th scope="col">Exchanging</th>
            <th scope="col">Waiting</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <Row key={one.id} member={one} />
          ))}
        </tbody>
      </table>
      {members.length > shown.length ? (
        <p class="note">{`${shown.length} of ${members.length}; all of them: GET /v1/jobs/{id}/members.`}</p>
      ) : null}
    </Card>
  );
}

function Row({ member }: { member: Member }): JSX.Element {
  return (
    <tr class={member.left === null ? "" : "muted"}>
      <th scope="row">
        <span class="mono">{member.worker_id}</span> <span class="muted">{member.host}</span>
      </th>
      <td data-label="Role">{member.role}</td>
      <td data-label="By">{member.transport === "none" ? "–" : words(member.transport)}</td>
      <td data-label="Steps" class="mono">
        {count(member.joined_step)}–{member.left_step === null ? "" : count(member.left_step)}
        {member.left === null ? null : <span class="muted"> {member.left}</span>}
      </td>
      <td data-label="Shards" class="mono">
        {member.shards}
      </td>
      <td data-label="Computing" class="mono">
        {span(member.compute_seconds)}
      </td>
      <td data-label="Exchanging" class="mono">
        {span(member.exchange_seconds)}
      </td>
      <td data-label="Waiting" class="mono">
        {span(member.waiting_seconds)}
      </td>
    </tr>
  );
}
