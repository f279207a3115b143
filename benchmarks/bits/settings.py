"""Parts that specs are drawn from, outside the model: losses, optimizers, schedules and so on."""

from typing import Any

Part = dict[str, Any]

LIMITS: Part = {"priority": 3, "max_run_seconds": 600, "max_queue_seconds": 600}
KEPT: Part = {"checkpoints": {"every_steps": 7, "keep_last": 3, "keep_best": True}}
KEPT_OF_A_SEARCH: Part = {"checkpoints": {"every_steps": 7, "keep_best": False}}
OPTIMIZERS: list[Part] = [
    {"type": "sgd", "learning_rate": 0.05},
    {"type": "sgd", "learning_rate": 0.02, "momentum": 0.9},
    {"type": "sgd", "learning_rate": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    {"type": "sgd", "momentum": 0.9, "dampening": 0.1, "nesterov": False},
    {"type": "adam"},
    {"type": "adam", "learning_rate": 0.01, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.01},
    {"type": "adam", "amsgrad": True},
    {"type": "adam", "amsgrad": False, "learning_rate": 0.03},
    {"type": "adamw", "learning_rate": 0.01, "betas": [0.85, 0.98], "eps": 1e-7, "weight_decay": 0.1},
    {"type": "adamw", "amsgrad": True},
    {"type": "nadam", "learning_rate": 0.01, "betas": [0.8, 0.99], "eps": 1e-7, "momentum_decay": 0.01},
    {"type": "nadam", "weight_decay": 0.01, "decoupled_weight_decay": True},
    {"type": "nadam", "weight_decay": 0.01, "decoupled_weight_decay": False},
    {"type": "rmsprop", "learning_rate": 0.003, "alpha": 0.9, "eps": 1e-6},
    {"type": "rmsprop", "learning_rate": 0.002, "momentum": 0.5, "centered": True, "weight_decay": 0.01},
    {"type": "adagrad", "learning_rate": 0.05, "lr_decay": 0.01, "eps": 1e-8},
    {"type": "adagrad", "initial_accumulator_value": 0.1, "weight_decay": 0.01},
    {"type": "lion", "learning_rate": 0.002, "betas": [0.8, 0.95], "weight_decay": 0.01},
    {"type": "lion"},
    {"type": "lbfgs", "learning_rate": 0.2, "history_size": 5},
    {"type": "lbfgs", "tolerance_grad": 1e-5, "tolerance_change": 1e-7},
]
SCHEDULES: list[Part] = [
    {"type": "constant", "warmup_steps": 4},
    {"type": "step", "step_size": 3, "gamma": 0.5, "per": "step", "warmup_steps": 2},
    {"type": "step", "step_size": 2, "warmup_steps": 3, "warmup_start_factor": 0.2},
    {"type": "multi_step", "milestones": [2, 5], "gamma": 0.4, "warmup_steps": 2, "warmup_start_factor": 0.5},
    {"type": "multi_step", "milestones": [3, 4, 9], "per": "step"},
    {"type": "exponential", "gamma": 0.9, "per": "epoch"},
    {"type": "exponential", "gamma": 0.97, "per": "step", "warmup_steps": 5, "warmup_start_factor": 0.1},
    {"type": "cosine"},
    {
        "type": "cosine",
        "t_max": 9,
        "eta_min": 0.0001,
        "per": "step",
        "warmup_steps": 1,
        "warmup_start_factor": 0.9,
    },
    {"type": "cosine_restarts", "t_0": 3, "t_mult": 2, "eta_min": 0.0001, "warmup_steps": 3},
    {"type": "cosine_restarts", "t_0": 5, "per": "step", "warmup_start_factor": 0.3},
    {"type": "linear", "start_factor": 0.5, "end_factor": 0.1, "total_iters": 7, "per": "step"},
    {"type": "linear", "warmup_steps": 2, "warmup_start_factor": 0.4},
    {
        "type": "one_cycle",
        "max_learning_rate": 0.03,
        "pct_start": 0.4,
        "div_factor": 10,
        "final_div_factor": 100,
    },
    {"type": "one_cycle", "anneal_strategy": "linear", "three_phase": True, "warmup_steps": 2},
    {"type": "one_cycle", "anneal_strategy": "cos", "three_phase": False, "warmup_start_factor": 0.4},
    {"type": "reduce_on_plateau", "patience": 0, "threshold": 0.3, "factor": 0.5, "cooldown": 1, "eps": 1e-9},
    {
        "type": "reduce_on_plateau",
        "patience": 1,
        "threshold": 0.05,
        "threshold_mode": "abs",
        "warmup_steps": 3,
    },
    {"type": "reduce_on_plateau", "patience": 0, "threshold_mode": "rel", "min_learning_rate": 0.001},
    {"type": "constant", "warmup_start_factor": 0.25, "warmup_steps": 6},
    {"type": "reduce_on_plateau", "warmup_steps": 4, "warmup_start_factor": 0.25},
]
FURTHER: list[Part] = [
    {"clip": {"norm": 0.5}},
    {"clip": {"value": 0.01}},
    {"penalty": {"l1": 0.001, "l2": 0.01}},
    {"penalty": {"l2": 0.02}, "clip": {"norm": 0.3}},
    {"stop": {"loss_below": 0.3}},
    {"stop": {"loss_below": {"value": 0.4, "of": "step"}}},
    {"stop": {"loss_below": {"value": 0.4, "of": "epoch"}}},
    {"stop": {"loss_below": {"value": 0.4, "of": "train"}}},
    {"stop": {"loss_below": {"value": 0.4, "of": "validation"}}, "data": {"validation_fraction": 0.2}},
    {"stop": {"patience": 1, "min_delta": 0.01, "restore_best": True}},
    {"stop": {"patience": 2, "restore_best": False}, "data": {"validation_fraction": 0.25}},
    {"stop": {"restore_best": True}, "data": {"validation_fraction": 0.3, "test_fraction": 0.2}} | KEPT,
    {"shuffle": False},
    {"shuffle": True, "data": {"test_fraction": 0.25}},
    {"data": {"standardize": True, "validation_fraction": 0.1}},
    {"data": {"standardize": True, "test_fraction": 0.1}},
    {"data": {"standardize": False}},
    {"name": "a line", "metadata": {"by": "the recorder"}} | LIMITS,
    {"start_from": {"job": "job_1", "step": 3}},
    {"kind": "train"},
]
AUGMENTATIONS: list[Part] = [
    {"type": "noise", "std": 0.1},
    {"type": "mixup"},
    {"type": "mixup", "alpha": 1.0},
]
PICTURE_AUGMENTATIONS: list[Part] = [
    {"type": "flip", "axis": "vertical", "p": 0.3, "shape": [1, 8, 8]},
    {"type": "flip", "axis": "horizontal", "shape": [1, 8, 8]},
    {"type": "shift", "shape": [1, 8, 8]},
    {"type": "shift", "pixels": 2, "shape": [1, 8, 8]},
    *AUGMENTATIONS,
]

LOSSES: dict[str, list[Any]] = {
    "values": [
        "mse",
        {"type": "half_sse"},
        "sse",
        "mae",
        "huber",
        {"type": "huber", "delta": 0.5},
        "smooth_l1",
        {"type": "smooth_l1", "beta": 0.4},
    ],
    "classes": [
        "cross_entropy",
        {"type": "cross_entropy", "label_smoothing": 0.1},
        {"type": "cross_entropy", "weight": "each class", "ignore_index": 1},
        {"type": "cross_entropy", "ignore_index": -100, "label_smoothing": 0.2, "weight": "each class"},
        "nll",
        {"type": "nll", "weight": "each class", "ignore_index": 0},
        {"type": "nll", "ignore_index": -100},
        "multi_margin",
        {"type": "multi_margin", "p": 2, "margin": 0.5, "weight": "each class"},
    ],
    "sides": [
        "binary_cross_entropy",
        {"type": "binary_cross_entropy", "pos_weight": "each class"},
        "hinge",
        {"type": "hinge", "margin": 0.6},
    ],
    "shares": ["kl_div", {"type": "kl_div", "log_target": True}, {"type": "kl_div", "log_target": False}],
}
"""By what the targets are: values, classes, one of two sides for each output, shares of one."""
METRICS: dict[str, list[Any]] = {
    "values": ["mae", "rmse", "r2", {"type": "r2"}],
    "classes": [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "confusion_matrix",
        "top_k_accuracy",
        {"type": "top_k_accuracy", "k": 1},
    ],
    "sides": ["accuracy", "f1", "recall"],
    "shares": [],
}
BUILTINS: dict[str, tuple[int, int, str]] = {
    "digits": (64, 10, "classes"),
    "iris": (4, 3, "classes"),
    "wine": (13, 3, "classes"),
    "breast_cancer": (30, 1, "sides"),
    "diabetes": (10, 1, "values"),
}
GENERATORS: dict[str, tuple[int, int, str]] = {
    "line": (1, 1, "values"),
    "quadratic": (1, 1, "values"),
    "xor": (2, 2, "classes"),
    "moons": (2, 1, "sides"),
    "circles": (2, 1, "sides"),
    "spiral": (2, 4, "classes"),
    "blobs": (2, 5, "classes"),
    "yin_yang": (4, 3, "classes"),
}
"""Columns, outputs, and what the targets are."""

EXPRESSIONS: list[tuple[str, Part, str]] = [
    ("a*x + b", {"a": 4, "b": 1}, "values"),
    ("a*sin(w*x) + b*cos(x) + c", {"a": 1, "w": 1.2, "b": 0.5, "c": 0}, "values"),
    ("a*tanh(b*x) + exp(c*x)", {"a": 1, "b": 0.5, "c": 0.1}, "values"),
    ("a*ln(abs(x) + 1.5) - b", {"a": 1, "b": 0.2}, "values"),
    ("log(a*a + x**2 + 1) / b", {"a": 1, "b": 2}, "values"),
    ("sqrt(x**2 + a**2 + 0.1) * b", {"a": 0.5, "b": 1}, "values"),
    ("a*sigmoid(b*x) + c*softplus(x)", {"a": 1, "b": 2, "c": 0.3}, "values"),
    ("relu(a*x + b) - relu(-x*c)", {"a": 1, "b": 0.1, "c": 0.4}, "values"),
    ("tan(a*x/4) + pi*b - e*c", {"a": 1, "b": 0.1, "c": 0.2}, "values"),
    ("a*x**3 + b*x**2 + c*x + d", {"a": 0.1, "b": 0, "c": 1, "d": 0}, "values"),
    ("a*x + b*z + c", {"a": 0.1, "b": -0.2, "c": 0}, "sides"),
    ("a*(x*x + z*z) + b*x*z + c", {"a": 0.3, "b": 0.1, "c": -0.2}, "sides"),
    ("w*tanh(a*x + b*z) + v*tanh(b*x - a*z) + c", {"w": 1, "a": 2, "b": 1, "v": 0.5, "c": 0}, "sides"),
]
OBJECTIVES: list[tuple[str, Part]] = [
    ("x**2", {"x": 1.2}),
    ("(1 - x)**2 + 10*(y - x**2)**2", {"x": -0.8, "y": 1.1}),
    ("sin(x)*cos(y) + 0.1*(x**2 + y**2)", {"x": 1.5, "y": -2}),
    ("exp(a) - 2*a + abs(b - 1)", {"a": 0, "b": 3}),
    ("ln(1 + x**2) + sqrt(y**2 + 1)", {"x": 2, "y": 1}),
    ("softplus(x) - 0.5*x + relu(y) - sigmoid(y)", {"x": 3, "y": 0.7}),
    ("tanh(x - 1)**2 + tan(y/4)**2 + log(2 + z*z)", {"x": 2, "y": 1, "z": -1}),
    ("x", {"x": 1}),
    ("-(x**4)", {"x": 2}),
    ("sqrt(x)", {"x": 0.05}),
]
EQUATIONS: list[tuple[str, Part, float]] = [
    ("(2*w + 3*b)*(2*b + 1)", {"w": 3, "b": 4}, 150),
    ("x**2", {"x": 3}, 2),
    ("exp(a) + b", {"a": 0, "b": 1}, 5),
    ("sin(x) + x", {"x": 1}, 2.5),
    ("a*b - c", {"a": 2, "b": 3, "c": 1}, 9),
    ("ln(x)", {"x": 3}, -20),
    ("x**2 + 1", {"x": 2}, 0),
]
