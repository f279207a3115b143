import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf, lineWords, MOST_LINES } from "../src/pure/groups.ts";

test("series that belong on one axis share a group, in the order of their layers", () => {
  const names = [
    "loss",
    "epoch_loss",
    "train_loss",
    "validation_loss",
    "gradient_norm.10",
    "gradient_norm.2",
    "dead_units.1",
    "learning_rate",
    "validation_r2",
    "accuracy",
    "validation_accuracy",
    "something_new.0",
  ];
  const found = groupsOf(names, []);
  assert.deepEqual(
    found.map(({ key }) => key),
    ["learning_rate", "accuracy", "r2", "something_new", "gradient_norm", "dead_units"],
  );
  assert.deepEqual(found[1]?.names, ["accuracy", "validation_accuracy"]);
  assert.deepEqual(found[4]?.names, ["gradient_norm.2", "gradient_norm.10"]);
  assert.ok(found[4]?.log && !found[0]?.log);
});

test("a search has unknowns and gradients, whatever they are called", () => {
  const found = groupsOf(["value", "x", "validation_x", "grad.x", "grad.validation_x", "learning_rate"], null);
  assert.deepEqual(
    found.map(({ label, names }) => [label, names]),
    [
      ["learning rate", ["learning_rate"]],
      ["unknowns", ["validation_x", "x"]],
      ["gradient", ["grad.validation_x", "grad.x"]],
    ],
  );
});

test("a formula's training has parameters and gradients, whatever they are called", () => {
  const found = groupsOf(["loss", "grad.a", "a", "accuracy", "grad.accuracy", "validation_r2"], ["a", "accuracy"]);
  assert.deepEqual(
    found.map(({ label, names }) => [label, names]),
    [
      ["r2", ["validation_r2"]],
      ["parameters", ["a", "accuracy"]],
      ["gradient", ["grad.a", "grad.accuracy"]],
    ],
  );
});

test("only as many lines as can be told apart", () => {
  const names = Array.from({ length: 100 }, (_, i) => `weight_norm.${i}`);
  assert.equal(groupsOf(names, [])[0]?.names.at(-1), `weight_norm.${MOST_LINES - 1}`);
});

test("a line is called by its layer's place and type", () => {
  const layers = [
    { type: "linear" },
    [{ type: "conv2d" }, { type: "relu" }],
    { type: "concat", branches: [[{ type: "gelu" }], { type: "sequential", layers: [{ type: "lstm" }] }] },
  ];
  assert.equal(lineWords("gradient_norm.0", layers), "0 linear");
  assert.equal(lineWords("dead_units.1.1", layers), "1.1 relu");
  assert.equal(lineWords("weight_norm.2.0.0", layers), "2.0.0 gelu");
  assert.equal(lineWords("weight_norm.2.1.0", layers), "2.1.0 lstm");
  assert.equal(lineWords("weight_norm.0.self_attn", layers), "0.self_attn");
  assert.equal(lineWords("grad.x", undefined), "x");
  assert.equal(lineWords("validation_loss", layers), "validation loss");
});
