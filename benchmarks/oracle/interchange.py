"""Weights to PyTorch and back, and models to onnxruntime."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import safetensors.torch
import torch
from torch import nn

from benchmarks.oracle.case import Case, Deviation, Rows, classes, state, train_ours, values
from lockstep.core.data.dataset import Preprocessing
from lockstep.core.export.onnx import to_onnx
from lockstep.core.learning.inference import Predictor
from lockstep.core.model.build import build_graph
from lockstep.core.model.encoding import to_npz, to_safetensors
from lockstep.core.model.parameters import Parameters
from lockstep.core.submission import parse_spec, resolve
from lockstep.service.given_weights import with_weights

COLUMNS = 32
ROWS = Rows(x=values((40, COLUMNS)), y=classes(40, 3), batch_size=8)


@dataclass(frozen=True, kw_only=True)
class Net:
    """A model in both languages; `runs` where torch can run it as it stands (its LSTM gives a pair)."""

    layers: list[Any]
    build: Callable[[], nn.Module]
    runs: bool = True


def _linear(inputs: int, outputs: int) -> dict[str, Any]:
    return {"type": "linear", "in": inputs, "out": outputs}


NETS = {
    "dense, nested": Net(
        layers=[_linear(32, 16), {"type": "tanh"}, [_linear(16, 8), {"type": "relu"}], _linear(8, 3)],
        build=lambda: nn.Sequential(
            nn.Linear(32, 16), nn.Tanh(), nn.Sequential(nn.Linear(16, 8), nn.ReLU()), nn.Linear(8, 3)
        ),
    ),
    "images, batch norm": Net(
        layers=[
            {"type": "unflatten", "shape": [2, 4, 4]},
            {"type": "conv2d", "in": 2, "out": 4, "kernel_size": 3, "padding": 1, "groups": 2},
            {"type": "batch_norm_2d", "num_features": 4},
            {"type": "relu"},
            {"type": "max_pool2d", "kernel_size": 2},
            {"type": "flatten"},
            {"type": "dropout", "p": 0.2},
            {"type": "batch_norm_1d", "num_features": 16, "affine": False},
            _linear(16, 3),
        ],
        build=lambda: nn.Sequential(
            nn.Unflatten(1, (2, 4, 4)),
            nn.Conv2d(2, 4, 3, padding=1, groups=2),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.BatchNorm1d(16, affine=False),
            nn.Linear(16, 3),
        ),
    ),
    "transformer": Net(
        layers=[
            {"type": "unflatten", "shape": [8, 4]},
            {"type": "transformer_encoder_layer", "d_model": 4, "nhead": 2, "dim_feedforward": 8},
            {"type": "layer_norm", "normalized_shape": [4]},
            {"type": "flatten"},
            _linear(32, 3),
        ],
        build=lambda: nn.Sequential(
            nn.Unflatten(1, (8, 4)),
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
            nn.LayerNorm(4),
            nn.Flatten(),
            nn.Linear(32, 3),
        ),
    ),
    "two-layer lstm, both ways": Net(
        layers=[
            {"type": "unflatten", "shape": [8, 4]},
            {
                "type": "lstm",
                "in": 4,
                "hidden": 5,
                "num_layers": 2,
                "bidirectional": True,
                "output": "last",
            },
            _linear(10, 3),
        ],
        build=lambda: nn.Sequential(
            nn.Unflatten(1, (8, 4)),
            nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True),
            nn.Linear(10, 3),
        ),
        runs=False,
    ),
}


def spec_of(net: Net) -> dict[str, Any]:
    """A job without data."""
    optimizer = {"type": "adam", "learning_rate": 0.01}
    return {"model": {"layers": net.layers}, "loss": "cross_entropy", "optimizer": optimizer}


def _whole_spec(net: Net, dtype: str) -> dict[str, Any]:
    return spec_of(net) | {
        "data": {"inline": {"x": ROWS.x.tolist(), "y": ROWS.y.tolist()}},
        "dtype": dtype,
        "seed": 0,
    }


def _resolved(raw: Mapping[str, Any]) -> Any:
    return resolve(parse_spec(raw), lambda: 0)


def predictions_in_torch(net: Net) -> Deviation:
    """Ours, trained for 50 steps, through safetensors and npz into a module that loads them strictly."""
    weights = dict(train_ours(spec_of(net), ROWS).weights)
    torch.set_default_dtype(torch.float64)
    module = net.build().eval()
    module.load_state_dict(safetensors.torch.load(to_safetensors(weights)), strict=True)
    with np.load(io.BytesIO(to_npz(weights))) as arrays:
        module.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays}, strict=True)
    if not net.runs:
        return Deviation.between(weights, state(module))
    with torch.no_grad():
        theirs = module(torch.from_numpy(ROWS.x)).numpy()
    ours = Predictor(_resolved(_whole_spec(net, "float64")), weights, Preprocessing()).outputs(ROWS.x)
    return Deviation.between({"y": ours}, {"y": theirs})


def bits_from_torch(net: Net) -> Deviation:
    """A module's float32 state through files and a spec into our parameters, and back into a new module."""
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float32)
    module = net.build()
    if net.runs:
        module.train()(torch.from_numpy(ROWS.x.astype(np.float32)))  # so that running means move
    expected = state(module)
    for raw in _through_files(module, _whole_spec(net, "float32")):
        spec = _resolved(raw)
        parameters = Parameters(build_graph(spec.model, COLUMNS), np.dtype(np.float32))
        parameters.initialize(0, spec.model.initial_weights)
        fresh = net.build()
        fresh.load_state_dict(safetensors.torch.load(to_safetensors(parameters.export())), strict=True)
        returned = state(fresh)
        for name, array in expected.items():
            if (returned[name].dtype, returned[name].tobytes()) != (array.dtype, array.tobytes()):
                raise ValueError(f"expected the bits of {name} to come back, got others")
    return Deviation.between(returned, expected)


def _through_files(module: nn.Module, spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        safetensors.torch.save_file(module.state_dict(), path)
        yield with_weights(spec, path)
        path = Path(folder, "model.npz")
        arrays: dict[str, Any] = state(module)
        np.savez(path, **arrays)
        yield with_weights(spec, path)


def predictions_of_onnxruntime(net: Net) -> Deviation:
    """Ours, trained for 50 steps, as ONNX with standardizing."""
    weights = dict(train_ours(spec_of(net), ROWS).weights)
    spec, scale = _resolved(_whole_spec(net, "float64")), Preprocessing.fitted_to(ROWS.x)
    model = to_onnx(spec, weights, scale)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["y"], {"x": ROWS.x})
    return Deviation.between({"y": Predictor(spec, weights, scale).outputs(ROWS.x)}, {"y": theirs})


_QUESTIONS: Mapping[str, Callable[[Net], Deviation]] = {
    "weights to torch": predictions_in_torch,
    "bits from torch and back": bits_from_torch,
    "onnxruntime": predictions_of_onnxruntime,
}
CASES = tuple(
    Case(name=f"{name}: {question}", run=partial(run, net))
    for name, net in NETS.items()
    for question, run in _QUESTIONS.items()
)
