"""Learned rows for whole numbers; names, shapes and starts of parameters are torch's."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from lockstep.core.ground.fields import Whole
from lockstep.core.ground.random import generator
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.layers.base import Misfit, SingleLayer, source
from lockstep.core.model.ops import OPS


class Embedding(SingleLayer):
    """A learned row of `weight` (num_embeddings, embedding_dim) for each number, as torch.nn.Embedding."""

    type: Literal["embedding"]
    takes_whole_numbers = True
    num_embeddings: Width
    """how many different whole numbers there are, from 0"""
    embedding_dim: Width
    """how many numbers stand for each"""
    padding_idx: Annotated[int, Whole(ge=0)] | None = None
    """the whole number whose row starts as zeros and is never changed"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (...), whole numbers of the data -> (..., embedding_dim). Their range: core/data/tokens.py."""
        shape = (*x.shape, self.embedding_dim)
        data = x
        while OPS[data.op].keeps_numbers:
            data = builder.node(data.inputs[0])
        if OPS[data.op].kind != "data":
            raise Misfit(
                "",
                "not_the_data",
                f"expected the data's own whole numbers, because each stands for a row, but {source(x)} "
                "that were computed; put the embedding first",
                shape,
            )
        if self.padding_idx is not None and self.padding_idx >= self.num_embeddings:
            raise Misfit(
                "padding_idx",
                "out_of_range",
                f"expected a number below num_embeddings, {self.num_embeddings}, got {self.padding_idx}; "
                "lower it, or raise num_embeddings",
                shape,
            )
        weight = Parameter(
            name=f"{name}.weight",
            shape=(self.num_embeddings, self.embedding_dim),
            initializer=EmbeddingStart(padding=self.padding_idx),
        )
        padding = -1 if self.padding_idx is None else self.padding_idx
        attributes = {"count": self.num_embeddings, "padding": padding}
        return builder.add(
            "embedding", [x, builder.parameter(weight)], shape=shape, name=name, attributes=attributes
        )


@dataclass(frozen=True, kw_only=True)
class EmbeddingStart:
    """N(0, 1), and zeros in the row `padding`, as torch.nn.Embedding."""

    padding: int | None

    def draw(self, shape: tuple[int, ...], seed: int, name: str) -> np.ndarray:
        """The start of the parameter `name`: float64 of `shape`."""
        rows = generator(seed, "parameter", name).standard_normal(shape)
        if self.padding is not None:
            rows[self.padding] = 0.0
        return rows
