import assert from "node:assert/strict";
import { test } from "node:test";
import { barsOf, brief } from "../src/pure/numbers.ts";

test("a value in little room", () => {
  assert.equal(brief(-2.5), "−2.5");
  assert.equal(brief("NaN"), "NaN");
  assert.equal(brief(null), "–");
  assert.equal(brief([[1], [2]]), "[1, 2]");
  assert.equal(brief([[3, 0, 0], [0, 4, 0]]), "2 × 3 numbers, norm 5");
  assert.equal(brief({ shape: [32, 64], norm: 1.5, min: -1, max: 1 }), "32 × 64 numbers, norm 1.5");
});

test("norms as shares of the largest finite one", () => {
  assert.deepEqual(barsOf({ "10.weight": 1, "2.weight": 4, "2.bias": "Infinity" }), [
    { name: "2.bias", norm: "Infinity", share: 1 },
    { name: "2.weight", norm: 4, share: 1 },
    { name: "10.weight", norm: 1, share: 0.25 },
  ]);
  assert.deepEqual(
    barsOf({ a: 0, b: 0 }).map(({ share }) => share),
    [0, 0],
  );
});
