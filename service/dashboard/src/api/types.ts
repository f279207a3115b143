/** The HTTP contract, as far as the page reads it. */

import type { STATUSES } from "../pure/listing.ts";
import type { Metric } from "../pure/metrics.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export type Status = (typeof STATUSES)[number];

export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly fraction: number;
  readonly eta_seconds: number | null;
}

export interface Result {
  readonly steps: number;
  readonly stop_reason: string;
  readonly loss: number | string | null;
  /** What the formula of a job without a loss gives. */
  readonly value?: number | string | null;
  /** Whether a search came where it wanted; null where it wanted nothing, absent for a training. */
  readonly reached?: boolean | null;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly parameters: Readonly<Record<string, Json>> | null;
  readonly weights_sha256: string;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

export interface Transition {
  readonly status: Status;
  readonly reason: string | null;
  readonly at: string;
}

export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly name: string | null;
  /** Null where it is damaged. */
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly status: Status;
  readonly status_reason: string | null;
  readonly status_message: string | null;
  readonly is_terminal: boolean;
  /** Null where it is damaged. */
  readonly spec: JsonObject | null;
  /** Where the whole spec is read: inline data and initial weights above 64 KiB are left out of `spec`. */
  readonly spec_url: string;
  readonly progress: Progress;
  readonly result: Result | null;
  readonly error: JobError | null;
  readonly workers: { readonly wanted: number; readonly active: number };
  readonly timings: {
    readonly queued_ms: number | null;
    readonly first_step_ms: number | null;
    readonly run_ms: number | null;
  };
  /** Absent in lists. */
  readonly transitions?: readonly Transition[];
  /** What can't be read any more of the job's record. */
  readonly damaged: readonly { readonly part: string; readonly message: string }[];
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
}

export interface Page<T> {
  readonly data: readonly T[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

export interface JobEvent {
  readonly id: string;
  readonly created_at: string;
  readonly level: string;
  readonly type: string;
  readonly message: string;
  readonly data: JsonObject;
}

export interface SpecProblem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** The answer to `validate_only`: the spec with all defaults filled in. */
export interface Validation {
  readonly valid: true;
  readonly steps: number;
  readonly spec: JsonObject;
}

export interface Worker {
  readonly id: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly state: "idle" | "leading" | "helping" | "replaying";
  readonly job_id: string | null;
  readonly fingerprint: string | null;
  /** False for one that has not been heard of for a while. */
  readonly present: boolean;
  readonly heartbeat_at: string;
}

export interface Queue {
  readonly jobs: Readonly<Record<string, number>>;
  readonly workers: Readonly<Record<string, number>>;
}

/** The gradient of a step's whole batch, in short. */
export interface Gradients {
  readonly step: number;
  readonly norms: Readonly<Record<string, number | string>>;
}

/** One row's way through the model and back. Values are numbers, nested lists, or summaries of large arrays. */
export interface Walk {
  readonly step: number;
  readonly sample: number;
  readonly forward: readonly {
    readonly node: number;
    readonly name: string;
    readonly formula: string | null;
    readonly value: Json;
  }[];
  readonly backward: readonly WalkStep[];
}

export interface WalkStep {
  readonly node: number;
  readonly name: string;
  readonly value: Json;
  readonly gradient: Json;
  readonly inputs: readonly {
    readonly node: number;
    readonly name: string;
    readonly derivative: { readonly formula: string; readonly value: Json };
    readonly gradient: Json;
    readonly rule: string;
  }[];
}
