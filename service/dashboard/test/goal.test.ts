import assert from "node:assert/strict";
import { test } from "node:test";
import { goalWords } from "../src/pure/goal.ts";

const SOLVE = { kind: "solve", target: 5, tolerance: 1e-6 };

test("a search says whether it came to its target", () => {
  assert.equal(
    goalWords(SOLVE, { value: 7, reached: false }),
    "not reached: the value is 2 from the target, and may be 1e−6",
  );
  assert.match(goalWords(SOLVE, { value: 5, reached: true }) ?? "", /^reached: the value is 0 from/);
});

test("a descent says which of its rules was wanted", () => {
  const stop = { value_below: 0.5, gradient_norm_below: null };
  assert.equal(
    goalWords({ kind: "minimize", stop }, { value: 1, reached: false }),
    "not reached: wanted was a value below 0.5",
  );
  assert.equal(
    goalWords({ kind: "minimize", stop: { ...stop, gradient_norm_below: 0.1 } }, { value: 0, reached: true }),
    "reached: wanted was a value below 0.5 or a gradient shorter than 0.1",
  );
});

test("a descent without a rule, and a training, have no goal", () => {
  assert.equal(goalWords({ kind: "minimize", stop: {} }, { value: 1, reached: null }), null);
  assert.equal(goalWords({ kind: "train" }, {}), null);
});
