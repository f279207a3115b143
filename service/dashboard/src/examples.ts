/** Job files to start from, in the form: small enough to read, each shows something else. */

export interface Example {
  readonly name: string;
  readonly about: string;
  readonly spec: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    name: "Handwritten digits",
    about: "A small classifier on 1,797 pictures of 8 × 8 pixels, trained by two workers.",
    spec: `{
  "name": "digits",
  "model": {
    "layers": [
      {"type": "linear", "in": 64, "out": 32},
      {"type": "relu"},
      {"type": "linear", "in": 32, "out": 10}
    ]
  },
  "data": {
    "builtin": "digits",
    "standardize": true,
    "validation_fraction": 0.1,
    "test_fraction": 0.2
  },
  "loss": "cross_entropy",
  "optimizer": {"type": "adam", "learning_rate": 0.01},
  "epochs": 20,
  "batch_size": 64,
  "seed": 7,
  "workers": 2,
  "shards": 4
}`,
  },
  {
    name: "A line",
    about: "Finds a = 2 and b = 4 of y = a·x + b from two points.",
    spec: `{
  "name": "a line through two points",
  "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
  "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
  "loss": "mse",
  "optimizer": {"type": "sgd", "learning_rate": 0.1},
  "epochs": 1000,
  "batch_size": "full",
  "dtype": "float64"
}`,
  },
  {
    name: "Two moons",
    about: "Generated data with noise; watch the validation loss part from the training loss.",
    spec: `{
  "name": "two moons",
  "model": {
    "layers": [
      {"type": "linear", "in": 2, "out": 16},
      {"type": "tanh"},
      {"type": "linear", "in": 16, "out": 2}
    ]
  },
  "data": {
    "generator": "moons",
    "size": 400,
    "noise": 0.2,
    "seed": 0,
    "validation_fraction": 0.2
  },
  "loss": "cross_entropy",
  "optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
  "epochs": 200,
  "batch_size": 32,
  "seed": 1,
  "stop": {"patience": 30}
}`,
  },
  {
    name: "Images",
    about:
      "A small convolutional net on the same digits, with batch norm, dropout and a falling learning rate.",
    spec: `{
  "name": "digits as images",
  "model": {"layers": [
    {"type": "unflatten", "shape": [1, 8, 8]},
    {"type": "conv2d", "in": 1, "out": 8, "kernel_size": 3, "padding": 1},
    {"type": "batch_norm_2d", "num_features": 8},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "conv2d", "in": 8, "out": 16, "kernel_size": 3, "padding": 1},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "dropout", "p": 0.2},
    {"type": "linear", "in": 64, "out": 10}
  ]},
  "data": {"builtin": "digits", "test_fraction": 0.2, "standardize": true},
  "loss": "cross_entropy",
  "optimizer": {"type": "adam", "learning_rate": 0.005},
  "schedule": {"type": "cosine"},
  "epochs": 30,
  "batch_size": 64,
  "seed": 1
}`,
  },
  {
    name: "Sequences",
    about:
      "The digits read line by line: an LSTM in both directions, then a transformer layer, on two workers.",
    spec: `{
  "name": "sequence",
  "model": {"layers": [
    {"type": "unflatten", "shape": [8, 8]},
    {"type": "lstm", "in": 8, "hidden": 32, "bidirectional": true},
    {"type": "transformer_encoder_layer", "d_model": 64, "nhead": 4, "dim_feedforward": 64},
    {"type": "flatten"},
    {"type": "linear", "in": 512, "out": 10}
  ]},
  "data": {"builtin": "digits", "test_fraction": 0.2, "standardize": true},
  "loss": "cross_entropy",
  "optimizer": {"type": "adam", "learning_rate": 0.003},
  "epochs": 12,
  "batch_size": 64,
  "seed": 7,
  "workers": 2,
  "shards": 2
}`,
  },
  {
    name: "A minimum",
    about: "Walks down to the bottom of x² from x = 1.2; the history has x and its gradient at every step.",
    spec: `{
  "kind": "minimize",
  "name": "the bottom of a parabola",
  "objective": "x**2",
  "start": {"x": 1.2},
  "optimizer": {"type": "sgd", "learning_rate": 0.3},
  "stop": {"value_below": 0.001}
}`,
  },
  {
    name: "A value",
    about: "Finds the b for which a product is 150: the error is walked back along the gradient.",
    spec: `{
  "kind": "solve",
  "name": "which b gives 150",
  "expression": "(2*w + 3*b)*(2*b + 1)",
  "start": {"w": 3, "b": 4},
  "solve_for": ["b"],
  "target": 150,
  "tolerance": 1e-4
}`,
  },
  {
    name: "Too fast",
    about:
      "The line again with a learning rate that is too large: the loss grows until the job fails as diverged.",
    spec: `{
  "name": "a learning rate too large",
  "model": {"expression": "a*x + b", "parameters": {"a": 4, "b": 1}},
  "data": {"inline": {"x": [1, 2], "y": [6, 8]}},
  "loss": "mse",
  "optimizer": {"type": "sgd", "learning_rate": 1.0},
  "epochs": 2000,
  "batch_size": "full",
  "dtype": "float64"
}`,
  },
];
