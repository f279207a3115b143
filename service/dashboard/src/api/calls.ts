/** The service's addresses, one function each. */

import type { WireHistory } from "../pure/history.ts";
import { queryOf, type Listing } from "../pure/listing.ts";
import {
  Absent,
  ask,
  get,
  post,
  reader,
  readJson,
  Refused,
  send,
  withQuery,
  type Answer,
  type Current,
} from "./http.ts";
import type { JsonObject } from "../pure/json.ts";
import type {
  EventPage,
  Gradients,
  History,
  Job,
  JobPage,
  JobPatch,
  Member,
  MemberPage,
  Queue,
  Validation,
  Walk,
  WorkerPage,
} from "./models.ts";

const jobPath = (id: string, rest = ""): string => `/v1/jobs/${encodeURIComponent(id)}${rest}`;

const readJobs = reader<JobPage>();
export const listJobs = (
  listing: Listing,
  limit: number,
  signal: AbortSignal,
): Promise<Current<JobPage>> => readJobs(withQuery("/v1/jobs", { ...queryOf(listing), limit }), signal);

export const getJob = (id: string, signal?: AbortSignal, etag?: string | null): Promise<Answer<Job>> =>
  get(jobPath(id), signal, etag);

/** The whole spec; rejects with Refused (410) where it is damaged. */
export const getSpec = async (id: string, signal: AbortSignal): Promise<JsonObject> => {
  const { data } = await get<JsonObject>(jobPath(id, "/spec"), signal);
  if (data === null) throw new Absent("it sent no spec");
  return data;
};

export interface HistoryQuery {
  readonly series: string | null;
  readonly max_points: number;
  readonly since_step: number | null;
}

export async function getHistory(id: string, query: HistoryQuery, signal: AbortSignal): Promise<WireHistory> {
  const path = withQuery(jobPath(id, "/history"), { ...query });
  try {
    return (await get<History>(path, signal)).data?.series ?? {};
  } catch (error) {
    // The record of these series is damaged; the rest of the job can be shown all the same.
    if (error instanceof Refused && error.status === 410) return {};
    throw error;
  }
}

export async function getEvents(
  id: string,
  after: string | null,
  signal: AbortSignal,
): Promise<EventPage> {
  const path = withQuery(jobPath(id, "/events"), { after, limit: 100 });
  const answer = await get<EventPage>(path, signal);
  return answer.data ?? { object: "list", data: [], has_more: false, first_id: null, last_id: null };
}

/** The first hundred who came, which are all of nearly every job. */
export async function getMembers(id: string, signal: AbortSignal): Promise<readonly Member[]> {
  const path = withQuery(jobPath(id, "/members"), { limit: 100 });
  return (await get<MemberPage>(path, signal)).data?.data ?? [];
}

export const cancelJob = (id: string): Promise<Job> => post(jobPath(id, "/cancel"));
export const pauseJob = (id: string): Promise<Job> => post(jobPath(id, "/pause"));
export const resumeJob = (id: string): Promise<Job> => post(jobPath(id, "/resume"));

/** `patch` is the text of a merge patch of the job's spec. */
export const cloneJob = (id: string, patch: string, idempotencyKey: string): Promise<Job> =>
  post(jobPath(id, "/clone"), patch, { "Idempotency-Key": idempotencyKey });

export const editJob = async (id: string, patch: JobPatch): Promise<Job> =>
  readJson<Job>(await send(jobPath(id), { method: "PATCH", body: JSON.stringify(patch) }));

export const deleteJob = async (id: string): Promise<void> => {
  await send(jobPath(id), { method: "DELETE" });
};

export interface VerifyAsked {
  readonly workers: number;
  readonly chaos: boolean;
}

export const verifyJob = (id: string, asked: VerifyAsked, idempotencyKey: string): Promise<Job> =>
  post(jobPath(id, "/verify"), JSON.stringify(asked), { "Idempotency-Key": idempotencyKey });

export const validateJob = (spec: string): Promise<Validation> => post("/v1/jobs?validate_only=true", spec);

export const createJob = (spec: string, idempotencyKey: string): Promise<Job> =>
  post("/v1/jobs", spec, { "Idempotency-Key": idempotencyKey });

const readWorkers = reader<WorkerPage>();
export const getWorkers = (signal: AbortSignal): Promise<Current<WorkerPage>> =>
  readWorkers("/v1/workers", signal);

const readQueue = reader<Queue>();
export const getQueue = (signal: AbortSignal): Promise<Current<Queue>> => readQueue("/v1/queue", signal);

/** Rejects with Refused (401) where the service does not know this key. */
export const tryKey = (key: string): Promise<Response> => send("/v1/queue", { key });

/** A question about a step that a worker may have to compute again first; `onPending` hears why it takes long. */
export interface Asking {
  readonly signal: AbortSignal;
  readonly onPending: (message: string) => void;
}

export async function getGradients(id: string, step: number, asking: Asking): Promise<Gradients> {
  const path = withQuery(jobPath(id, "/gradients"), { step });
  // The gradients themselves may be megabytes: only their norms are kept.
  const answer = await readJson<Gradients>(await ask(path, { signal: asking.signal }, asking.onPending));
  return { step: answer.step, norms: answer.norms };
}

export async function getWalk(id: string, at: Place, asking: Asking): Promise<Walk> {
  const path = withQuery(jobPath(id, "/walk"), { ...at });
  return readJson<Walk>(await ask(path, { signal: asking.signal }, asking.onPending));
}

/** A row of a step's batch. */
export interface Place {
  readonly step: number;
  readonly sample: number;
}

/** The model's graph as SVG text; with a place, with the values and gradients there. */
export async function getDrawing(id: string, at: Place | null, asking: Asking): Promise<string> {
  const path = withQuery(jobPath(id, "/graph"), { format: "svg", ...at });
  const call = { signal: asking.signal, headers: { Accept: "image/svg+xml" } };
  return (await ask(path, call, asking.onPending)).text();
}

export const WEIGHT_FORMATS = ["safetensors", "npz", "json"] as const;
export type WeightFormat = (typeof WEIGHT_FORMATS)[number];

/** Fetches a file with the key (a plain link could not carry it) and hands it to the browser as a download. */
export async function downloadWeights(id: string, format: WeightFormat): Promise<void> {
  const response = await send(withQuery(jobPath(id, "/weights"), { format }), { headers: { Accept: "*/*" } });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = `${id}.${format}`;
  link.click();
  // The browser has taken its own reference by the next turn, but not always within this one.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
