import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, shortJson } from "../src/pure/describe.ts";

test("a classifier in words", () => {
  const said = describe({
    model: {
      layers: [
        { type: "linear", in: 64, out: 32, bias: true },
        [{ type: "leaky_relu", negative_slope: 0.01 }],
        { type: "linear", in: 32, out: 10, bias: false },
      ],
    },
    data: { builtin: "digits", test_fraction: 0.2, standardize: true },
    loss: "cross_entropy",
    optimizer: { type: "adam", learning_rate: 0.01, betas: [0.9, 0.999], weight_decay: 0 },
    epochs: 20,
    batch_size: 64,
    shuffle: true,
    stop: { loss_below: null, patience: 5 },
  });
  assert.deepEqual(said.model, [
    "linear 64 → 32",
    "leaky relu (negative slope 0.01)",
    "linear 32 → 10 (no bias)",
  ]);
  assert.deepEqual(Object.fromEntries(said.rows), {
    Data: "digits, 20 % for test, standardized",
    Loss: "cross entropy",
    Optimizer: "adam, learning rate 0.01, betas 0.9 0.999",
    Batches: "64 rows, shuffled",
    Epochs: "20",
    "Stops early": "patience 5",
  });
});

test("an expression in words", () => {
  const said = describe({
    model: { expression: "a*x + b", parameters: { a: 4, b: 1 } },
    data: { inline: { x: [1, 2], y: [6, 8] } },
    loss: { type: "huber", delta: 2 },
    batch_size: "full",
  });
  assert.deepEqual(said.model, ["a*x + b"]);
  assert.ok(said.isExpression);
  const rows = Object.fromEntries(said.rows);
  assert.equal(rows["Start"], "a 4, b 1");
  assert.equal(rows["Data"], "inline, 2 rows × 1 column");
  assert.equal(rows["Loss"], "huber, delta 2");
  assert.equal(rows["Batches"], "all rows at once");
});

test("what a training has beside its optimizer", () => {
  const { rows } = describe({
    model: { layers: [] },
    optimizer: { type: "sgd", momentum: 0, dampening: 0, learning_rate: 0.1 },
    schedule: { type: "step", step_size: 5, gamma: 0.5, warmup_steps: 0, warmup_start_factor: 0.33 },
    clip: { norm: 1, value: null },
    penalty: null,
    metrics: ["accuracy", { type: "top_k_accuracy", k: 3 }],
    stop: { patience: null, min_delta: 0.1, loss_below: { value: 0.1, of: "epoch" } },
  });
  assert.deepEqual(rows, [
    ["Optimizer", "sgd, learning rate 0.1"],
    ["Schedule", "step, step size 5, gamma 0.5"],
    ["Clipping", "norm 1"],
    ["Metrics", "accuracy; top k accuracy, k 3"],
    ["Stops early", "epoch loss below 0.1"],
  ]);
});

test("data of every kind, with and without augmentation", () => {
  const noise = { type: "noise", std: 0.1 };
  const shift = { type: "shift", shape: [1, 8, 8], pixels: 2 };
  const common = { test_fraction: 0.25, validation_fraction: 0, standardize: true };
  const words = (data: object): string | undefined =>
    Object.fromEntries(describe({ data: { ...common, ...data } }).rows)["Data"];
  const kinds: readonly (readonly [object, string])[] = [
    [{ builtin: "digits" }, "digits"],
    [{ inline: { x: [[1, 2]], y: [1] } }, "inline, 1 row × 2 columns"],
    [
      { generator: "spiral", size: 300, noise: 0.2, seed: 1, classes: null },
      "generated spiral, size 300, noise 0.2, seed 1",
    ],
  ];
  for (const [data, said] of kinds) {
    const rest = "25 % for test, standardized";
    assert.equal(words({ ...data, augment: [] }), `${said}, ${rest}`);
    assert.equal(words(data), `${said}, ${rest}`);
    assert.equal(
      words({ ...data, augment: [noise, shift] }),
      `${said}, ${rest}, augmented by noise, std 0.1; shift, shape 1 8 8, pixels 2`,
    );
  }
});

test("an empty list is not told", () => {
  const { model } = describe({ model: { layers: [{ type: "residual", layers: [], skip: [] }] } });
  assert.deepEqual(model, ["residual"]);
});

test("layers without what is usual, and with the layers within them", () => {
  const conv = { type: "conv2d", in: 1, out: 8, kernel_size: [3, 3], stride: [1, 1], padding: [1, 1], groups: 1 };
  const { model } = describe({
    model: {
      layers: [
        conv,
        { type: "residual", layers: [{ type: "linear", in: 2, out: 2, bias: false }, { type: "relu" }] },
        { type: "concat", branches: [[{ type: "relu" }], [{ type: "tanh" }]], dim: 1 },
      ],
    },
  });
  assert.deepEqual(model, [
    "conv2d 1 → 8 (kernel size 3 3, padding 1 1)",
    "residual (linear 2 → 2 (no bias) → relu)",
    "concat (relu | tanh, dim 1)",
  ]);
});

test("the other kinds in words", () => {
  const minimize = describe({
    kind: "minimize",
    objective: "x**2",
    start: { x: 1.2 },
    optimizer: { type: "sgd", learning_rate: 0.3 },
    steps: 100,
    stop: { value_below: 0.001 },
  });
  assert.deepEqual(minimize.model, ["x**2"]);
  assert.ok(minimize.isExpression);
  assert.deepEqual(Object.fromEntries(minimize.rows), {
    Start: "x 1.2",
    Optimizer: "sgd, learning rate 0.3",
    Steps: "at most 100",
    "Stops early": "value below 0.001",
  });
  const solve = describe({
    kind: "solve",
    expression: "w*b",
    start: { w: 3, b: 4 },
    solve_for: ["w", "b"],
    target: 150,
    tolerance: 0.0001,
    refresh_gradient: false,
  });
  assert.deepEqual(solve.model, ["w*b"]);
  assert.deepEqual(Object.fromEntries(solve.rows), {
    Start: "w 3, b 4",
    "Solved for": "w b",
    Target: "150 ± 0.0001",
    Gradient: "that of the start throughout",
  });
});

test("a spec of a shape that this page does not know harms nothing", () => {
  for (const odd of [{}, { model: null, data: [1], loss: null }, { model: { layers: "x" }, stop: 3 }]) {
    assert.ok(Array.isArray(describe(odd).rows));
  }
});

test("long lists are cut and say so", () => {
  const text = shortJson({
    x: Array.from({ length: 1_000 }, (_, i) => i),
    name: "n",
    nested: [
      [1, 2],
      [3, 4],
    ],
  });
  assert.ok(text.includes("… 984 more"), text);
  assert.ok(text.length < 300);
  const long = { x: Array.from({ length: 1_000 }, (_, i) => [i]) };
  assert.deepEqual(JSON.parse(shortJson(long, Infinity)), long);
  assert.deepEqual(JSON.parse(shortJson({ a: [1, { b: null }], c: {} })), { a: [1, { b: null }], c: {} });
});
