import assert from "node:assert/strict";
import { test } from "node:test";
import { singles, tables } from "../src/pure/metrics.ts";

const METRICS = {
  test_accuracy: 0.5,
  test_f1_per_class: [0.25, 1],
  test_confusion_matrix: [
    [11, 2],
    [0, 3],
  ],
};

test("single numbers are told from tables", () => {
  assert.deepEqual(singles(METRICS), [["test_accuracy", 0.5]]);
  assert.equal(singles({ a: "NaN", b: null }).length, 2);
});

test("tables are aligned", () => {
  assert.match(tables(METRICS), /0\.25 {5}1\n\n.*\n11 {3}2\n 0 {3}3$/);
  assert.equal(tables({ a: 1 }), "");
});

test("several outputs have a matrix each", () => {
  const text = tables({ test_confusion_matrix: [[[1, 2], [3, 4]], [[5, 6], [7, 8]]] });
  assert.match(text, /1 {2}2\n3 {2}4\n\n5 {2}6\n7 {2}8$/);
});
