import assert from "node:assert/strict";
import { test } from "node:test";
import { mostWorkers, verdictOf } from "../src/pure/verdict.ts";

test("a job that verifies none has no verdict", () => {
  assert.equal(verdictOf(null), null);
  assert.equal(verdictOf({}), null);
});

test("a verdict is a sign and a sentence", () => {
  assert.equal(verdictOf({ matches: true })?.sign, "same");
  assert.equal(verdictOf({ matches: false })?.sign, "different");
  assert.deepEqual(verdictOf({ not_comparable: "other numerics" }), {
    sign: "unreadable",
    text: "Not comparable: other numerics",
  });
});

test("a training takes a worker for each shard, a formula one", () => {
  assert.equal(mostWorkers({ shards: 4 }), 4);
  assert.equal(mostWorkers({ objective: "x**2" }), 1);
  assert.equal(mostWorkers(null), 1);
});
