/** One call to the service: the key, ETags, problems. Knows no page. */

import { key, leave } from "../session.ts";
import { addressOf } from "../place.ts";
import { wishOf } from "../pure/pacing.ts";
import type { Pending, SpecProblem } from "./models.ts";

/** The service answered, and it was no success: the fields of its problem document (RFC 9457). */
export class Refused extends Error {
  readonly status: number;
  readonly title: string;
  readonly problems: readonly SpecProblem[];
  readonly requestId: string | null;

  constructor(status: number, body: Partial<Record<string, unknown>>, requestId: string | null) {
    const title = typeof body["title"] === "string" ? body["title"] : `The service answered ${status}`;
    super(typeof body["detail"] === "string" && body["detail"] ? body["detail"] : title);
    this.status = status;
    this.title = title;
    this.problems = Array.isArray(body["errors"]) ? (body["errors"] as SpecProblem[]) : [];
    this.requestId = requestId;
  }
}

/** Nothing answered, or something that is not the service (a proxy whose service is away). */
export class Absent extends Error {}

export interface Answer<T> {
  /** null: not changed since the answer whose ETag was sent along (304). */
  readonly data: T | null;
  readonly etag: string | null;
  /** The service's own wish for the time until the next look, in ms; 0 without one. */
  readonly wish: number;
}

export interface Call {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Another key than the session's, to try it. */
  readonly key?: string;
}

/** A service that takes longer than this to answer counts as absent, so that no poll waits for ever. */
const PATIENCE_MS = 30_000;
/** Between two questions whose answer is being computed, where the service names no time. */
const PAUSE_MS = 1_000;

export async function send(path: string, call: Call = {}): Promise<Response> {
  const sentKey = call.key ?? key.value;
  const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
  if (sentKey !== null) headers["Authorization"] = `Bearer ${sentKey}`;
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(addressOf(path), {
      method: call.method ?? "GET",
      headers,
      // The page keeps its own ETags; the browser's cache would hide the 304s.
      cache: "no-store",
      signal: call.signal ? AbortSignal.any([call.signal, patience]) : patience,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new Absent(patience.aborted ? "no answer within 30 s" : "no connection");
  }
  if (response.ok || response.status === 304) return response;
  if (response.status === 401 && key.value === sentKey) leave(sentKey !== null);
  if ([502, 503, 504].includes(response.status)) throw new Absent(`it answered ${response.status}`);
  throw await refusal(response);
}

async function refusal(response: Response): Promise<Refused> {
  const body: unknown = await response.json().catch(() => null);
  const fields = typeof body === "object" && body !== null ? body : {};
  return new Refused(
    response.status,
    fields as Partial<Record<string, unknown>>,
    response.headers.get("X-Request-Id"),
  );
}

export async function get<T>(path: string, signal?: AbortSignal, etag?: string | null): Promise<Answer<T>> {
  const response = await send(path, {
    ...(signal ? { signal } : {}),
    ...(etag ? { headers: { "If-None-Match": etag } } : {}),
  });
  const wish = wishOf(response.headers.get("X-Poll-Interval"));
  if (response.status === 304) return { data: null, etag: etag ?? null, wish };
  return { data: await readJson<T>(response), etag: response.headers.get("ETag"), wish };
}

/** Asks until the answer is there: 202 says that it is being computed, why it takes long, and when to ask again. */
export async function ask(path: string, call: Call, onPending: (message: string) => void): Promise<Response> {
  for (;;) {
    const response = await send(path, call);
    if (response.status !== 202) return response;
    onPending((await readJson<Pending>(response)).message);
    await rest(wishOf(response.headers.get("Retry-After")) || PAUSE_MS, call.signal);
  }
}

function rest(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

export interface Current<T> {
  readonly data: T;
  readonly moved: boolean;
  readonly wish: number;
}

/** A reader that remembers the last answer of its last address, so that an unchanged one costs a 304. */
export function reader<T>(): (path: string, signal: AbortSignal) => Promise<Current<T>> {
  let last: { path: string; etag: string | null; data: T } | null = null;
  return async (path, signal) => {
    const known = last?.path === path ? last : null;
    const answer = await get<T>(path, signal, known?.etag);
    const data = answer.data ?? known?.data;
    if (data === undefined) throw new Absent("it said that nothing changed before it said anything");
    last = { path, etag: answer.etag, data };
    return { data, moved: answer.data !== null, wish: answer.wish };
  };
}

export async function post<T>(
  path: string,
  body?: string,
  headers?: Readonly<Record<string, string>>,
): Promise<T> {
  const call = {
    method: "POST" as const,
    ...(body === undefined ? {} : { body }),
    ...(headers ? { headers } : {}),
  };
  return readJson<T>(await send(path, call));
}

export async function readJson<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new Absent("its answer broke off");
  }
}

/** `path` with the parameters that are not null. */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | null>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The same with each thing that is wrong with what was sent, and where. */
export function explainAll(error: unknown): string {
  const problems = error instanceof Refused ? error.problems : [];
  if (problems.length === 0) return explain(error);
  return problems.map((one) => `${one.pointer || "all of it"}: ${one.message}`).join("; ");
}

/** What to tell a person about an error of a call. */
export function explain(error: unknown): string {
  if (error instanceof Absent)
    return `The service does not answer (${error.message}). Try again in a moment.`;
  if (error instanceof Refused) {
    const about = error.requestId ? ` (request ${error.requestId})` : "";
    return `${error.message}${error.status >= 500 ? about : ""}`;
  }
  return error instanceof Error ? error.message : String(error);
}
