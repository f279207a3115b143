"""What a row's way through a model takes, from its sizes."""

from typing import Any

import pytest

from lockstep.core.engine.price import row_price
from lockstep.core.model.build import build_graph
from lockstep.core.model.spec import LayersModel

COLUMNS = 64
PLACES = 8 * 8
LAYERS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "linear": ([{"type": "linear", "in": 64, "out": 10}], 64 * 10 + 10),
    "two": (
        [
            {"type": "linear", "in": 64, "out": 5, "bias": False},
            {"type": "linear", "in": 5, "out": 10, "bias": False},
        ],
        64 * 5 + 5 * 10,
    ),
    "convolution": (
        [
            {"type": "unflatten", "shape": [1, 8, 8]},
            {"type": "conv2d", "in": 1, "out": 4, "kernel_size": 3, "padding": 1, "bias": False},
            {"type": "flatten"},
        ],
        PLACES * 4 * 9,
    ),
    "recurrent": (
        [
            {"type": "unflatten", "shape": [16, 4]},
            {"type": "lstm", "in": 4, "hidden": 6, "bias": False},
            {"type": "flatten"},
        ],
        16 * 4 * (4 + 6) * 6,
    ),
    "looked up": ([{"type": "embedding", "num_embeddings": 17, "embedding_dim": 2}, {"type": "flatten"}], 0),
}


@pytest.mark.parametrize("layers", LAYERS)
def test_each_weight_is_multiplied_once_at_each_place(layers: str) -> None:
    given, products = LAYERS[layers]
    graph = build_graph(LayersModel.model_validate({"layers": given}), COLUMNS)

    price = row_price(graph)

    assert price.products == products
    assert price.both_seconds > price.forward_seconds > 0
