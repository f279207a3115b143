"""Layers of sequences and composites, with every option: a small net around each."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.oracle.case import Case, Peer, Rows, against_torch, classes, values

LENGTH, FEATURES, WORDS = 6, 4, 9
Y = values((23, 3), seed=1)
SEQUENCES = Rows(x=values((23, LENGTH * FEATURES)), y=Y, batch_size=8)
TOKENS = Rows(
    x=classes(23 * LENGTH, WORDS).reshape(23, LENGTH).astype(np.float64),
    y=Y,
    batch_size=8,
)

Layers = list[dict[str, Any]]
Build = Callable[[], list[torch.nn.Module]]
"""Makes the modules that stand for the layers."""
UNFLATTEN = {"type": "unflatten", "shape": [LENGTH, FEATURES]}


class Words(torch.nn.Embedding):  # type: ignore[misc]  # torch has no types here
    """torch's embedding, of whole numbers that come as floats."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.long())


def states_of(kind: type[torch.nn.Module], *, last: bool, **settings: Any) -> torch.nn.Module:
    """A recurrent module that gives the states of all positions, or the final ones of the top layer."""

    class States(kind):  # type: ignore[misc]  # torch has no types here
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states, final = super().forward(x)
            if not last:
                return states
            final = final[0] if isinstance(final, tuple) else final
            ends = final[-2:] if self.bidirectional else final[-1:]
            return torch.cat(list(ends), dim=1)

    return States(batch_first=True, **settings)


class SelfAttention(torch.nn.MultiheadAttention):  # type: ignore[misc]  # torch has no types here
    """torch's attention of a sequence to itself."""

    def __init__(self, *settings: Any, causal: bool = False, **named: Any) -> None:
        super().__init__(*settings, batch_first=True, **named)
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x, x, x, need_weights=False, attn_mask=_mask(x) if self.causal else None)[0]


class Encoder(torch.nn.TransformerEncoderLayer):  # type: ignore[misc]  # torch has no types here
    """torch's encoder layer; `causal` gives it the mask."""

    def __init__(self, *settings: Any, causal: bool = False, **named: Any) -> None:
        super().__init__(*settings, batch_first=True, **named)
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x, src_mask=_mask(x) if self.causal else None)


class Residual(torch.nn.Sequential):  # type: ignore[misc]  # torch has no types here
    """x + f(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


class Concat(torch.nn.ModuleList):  # type: ignore[misc]  # torch has no types here
    """Branches side by side."""

    def __init__(self, branches: Sequence[torch.nn.Module], dim: int) -> None:
        super().__init__(branches)
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self], dim=self.dim)


def _mask(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1])


def _case(name: str, layers: Layers, build: Build, outputs: int, rows: Rows = SEQUENCES) -> Case:
    """`layers` behind an unflatten (not for tokens), then all that they give through one linear layer."""
    end: Layers = [{"type": "flatten"}, {"type": "linear", "in": outputs, "out": 3}]
    start: Layers = [UNFLATTEN] if rows is SEQUENCES else []
    spec = {
        "model": {"layers": [*start, *layers, *end]},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    }

    def make() -> Peer:
        parts = [torch.nn.Unflatten(1, (LENGTH, FEATURES))] if rows is SEQUENCES else []
        net = torch.nn.Sequential(*parts, *build(), torch.nn.Flatten(), torch.nn.Linear(outputs, 3))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        return Peer(module=net, loss=torch.nn.MSELoss(), optimizer=optimizer)

    return against_torch(name, spec, make, rows)


def _embedding(name: str, padding: int | None) -> Case:
    layer = {"type": "embedding", "num_embeddings": WORDS, "embedding_dim": 5, "padding_idx": padding}
    return _case(name, [layer], lambda: [Words(WORDS, 5, padding_idx=padding)], LENGTH * 5, TOKENS)


def _recurrent(kind: str, module: type[torch.nn.Module], *, last: bool = False, **options: Any) -> Case:
    """`options` are called alike in a job and in torch."""
    directions = 2 if options.get("bidirectional") else 1
    output = "last" if last else "sequence"
    layer = {"type": kind, "in": FEATURES, "hidden": 5, "output": output, **options}
    settings = {"input_size": FEATURES, "hidden_size": 5, **options}
    shown = ", ".join([kind, output, *(f"{key} {value}" for key, value in options.items())])
    outputs = 5 * directions * (1 if last else LENGTH)
    return _case(shown, [layer], lambda: [states_of(module, last=last, **settings)], outputs)


def _attention(name: str, **options: Any) -> Case:
    layer = {"type": "multihead_attention", "embed_dim": FEATURES, "num_heads": 2, **options}
    return _case(name, [layer], lambda: [SelfAttention(FEATURES, 2, **options)], LENGTH * FEATURES)


def _encoder(name: str, **options: Any) -> Case:
    settings = {"dim_feedforward": 7, "dropout": 0.0, **options}
    layer = {"type": "transformer_encoder_layer", "d_model": FEATURES, "nhead": 2, **settings}
    return _case(name, [layer], lambda: [Encoder(FEATURES, 2, **settings)], LENGTH * FEATURES)


def _norm(name: str, shape: list[int], **options: Any) -> Case:
    """Torch calls `normalized_shape` alike, and has no bias where there is no weight."""
    layer = {"type": "layer_norm", "normalized_shape": shape, **options}
    return _case(name, [layer], lambda: [torch.nn.LayerNorm(shape, **options)], LENGTH * FEATURES)


def _linear(inputs: int, outputs: int) -> dict[str, Any]:
    return {"type": "linear", "in": inputs, "out": outputs}


TANH = {"type": "tanh"}
STACKED = {"num_layers": 2, "bidirectional": True}
CASES: tuple[Case, ...] = (
    _embedding("embedding", None),
    _embedding("embedding, padding_idx", 2),
    *(
        _recurrent(kind, module, **options)
        for kind, module in (("rnn", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU))
        for options in ({}, {"last": True, "bias": False}, STACKED, {"last": True, **STACKED})
    ),
    _recurrent("rnn", torch.nn.RNN, nonlinearity="relu"),
    _attention("multihead_attention"),
    _attention("multihead_attention, no bias", bias=False),
    _attention("multihead_attention, causal", causal=True),
    _encoder("transformer_encoder_layer"),
    _encoder("transformer_encoder_layer, gelu, causal", activation="gelu", causal=True),
    _encoder("transformer_encoder_layer, norm_first", norm_first=True, layer_norm_eps=0.1),
    _norm("layer_norm", [FEATURES]),
    _norm("layer_norm over two axes", [LENGTH, FEATURES], eps=0.01),
    _norm("layer_norm, no bias", [FEATURES], bias=False),
    _norm("layer_norm, no weight", [FEATURES], elementwise_affine=False),
    _case(
        "linear over the last axis",
        [_linear(FEATURES, 5), TANH],
        lambda: [torch.nn.Linear(FEATURES, 5), torch.nn.Tanh()],
        LENGTH * 5,
    ),
    _case(
        "residual",
        [{"type": "residual", "layers": [_linear(FEATURES, FEATURES), TANH]}],
        lambda: [Residual(torch.nn.Linear(FEATURES, FEATURES), torch.nn.Tanh())],
        LENGTH * FEATURES,
    ),
    _case(
        "concat",
        [{"type": "concat", "dim": 2, "branches": [[_linear(FEATURES, 2)], [TANH], []]}],
        lambda: [
            Concat(
                [
                    torch.nn.Sequential(torch.nn.Linear(FEATURES, 2)),
                    torch.nn.Sequential(torch.nn.Tanh()),
                    torch.nn.Sequential(),
                ],
                dim=2,
            )
        ],
        LENGTH * (2 + 2 * FEATURES),
    ),
    _case(
        "sequential",
        [{"type": "sequential", "layers": [_linear(FEATURES, 5), TANH]}],
        lambda: [torch.nn.Sequential(torch.nn.Linear(FEATURES, 5), torch.nn.Tanh())],
        LENGTH * 5,
    ),
)
