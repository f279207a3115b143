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
