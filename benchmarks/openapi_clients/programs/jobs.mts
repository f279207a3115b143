// Checked by tsc --strict against the types of openapi-typescript, then run by node with an address and a key.
import type { components, paths } from "./api.d.ts";

type Post = paths["/v1/jobs"]["post"];
type Spec = Post["requestBody"]["content"]["application/json"];
type Job = Post["responses"][201]["content"]["application/json"];
type Layer = components["schemas"]["Layer"];

declare const process: { readonly argv: readonly string[] };
const [, , url, key] = process.argv;

const layer: Layer = { type: "linear", in: 64, out: 32 };
const layers: Spec = {
  model: { layers: [[layer, { type: "relu" }], { type: "linear", in: 32, out: 10 }] },
  data: { builtin: "digits", test_fraction: 0.2 },
  loss: "cross_entropy",
  optimizer: { type: "adam", learning_rate: 0.01 },
};
const expression: Spec = {
  model: { expression: "a*x + b", parameters: { a: 4, b: 1 } },
  data: { inline: { x: [1, 2], y: [6, 8] } },
  loss: "mse",
  optimizer: { type: "sgd", learning_rate: 0.1 },
};

// @ts-expect-error  A layer that there is not is refused.
const unknown: Layer = { type: "linea", in: 64, out: 32 };
// @ts-expect-error  A parameter starts at a number.
const text: Spec = { ...expression, model: { expression: "a*x", parameters: { a: "4" } } };

async function create(spec: Spec): Promise<Job> {
  const answer = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(spec),
  });
  if (answer.status !== 201) throw new Error(`expected 201, got ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Job;
}

for (const spec of [layers, expression]) {
  const job = await create(spec);
  const { status } = job;
  const known: "queued" | "running" | "pausing" | "paused" | "cancelling" | "succeeded" | "failed" | "cancelled" = status;
  console.log(`${job.id}: ${job.kind}, ${known}, ${job.progress.steps} steps`);
}
