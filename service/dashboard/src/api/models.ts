/** What the service answers, by the names that the page has for it; `openapi` is made from /openapi.json. */

import type { components, operations } from "openapi";
import type { Json } from "../pure/json.ts";

/** The document says of some values that they are JSON and no more. */
type Told<T> = unknown extends T ? Json : T extends object ? { readonly [K in keyof T]: Told<T[K]> } : T;
type Schemas = Told<components["schemas"]>;

export type Job = Schemas["Job"];
export type JobPage = Schemas["JobPage"];
export type JobPatch = Schemas["JobPatch"];
export type Result = Schemas["Result"];
export type Transition = Schemas["Transition"];
export type JobEvent = Schemas["Event"];
export type EventPage = Schemas["EventPage"];
export type Member = Schemas["Member"];
export type MemberPage = Schemas["MemberPage"];
export type SpecProblem = Schemas["ProblemEntry"];
export type Validation = Schemas["Validation"];
export type Worker = Schemas["Worker"];
export type WorkerPage = Schemas["WorkerPage"];
export type Queue = Schemas["Queue"];
export type Walk = Schemas["Walk"];
export type WalkStep = Schemas["BackwardStep"];
export type Pending = Schemas["Pending"];
/** Of a step's gradients, what the page keeps: they themselves may be megabytes. */
export type Gradients = Pick<Schemas["Gradients"], "step" | "norms">;
export type Status = Job["status"];
export type Kind = Job["kind"];
export type Order = NonNullable<NonNullable<operations["list_jobs"]["parameters"]["query"]>["order"]>;
export type Points = Schemas["Points"];
export type History = Schemas["History"];
