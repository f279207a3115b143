"""Random numbers that follow from a seed and words alone: there is no state to carry from step to step."""

import hashlib
from typing import Any

import numpy as np


def generator(seed: int, *words: int | str) -> np.random.Generator:
    """A fresh stream of random numbers that follows from (seed, words); others have unrelated numbers.

    Philox-4x64, its 128-bit key being the first half of SHA-256 over seed and words, each with its kind and
    length, so that ("ab", "c") and ("a", "bc"), or 1 and "1", differ.
    """
    return np.random.Generator(np.random.Philox(key=_key(seed, words)))


class Stream:
    """Random numbers of one place in a model, that follow from (seed, words, step, shard).

    `at` turns to the start of a step's and shard's numbers; it makes no new generator, so it costs little.
    """

    def __init__(self, seed: int, *words: int | str) -> None:
        self._begin(_key(seed, words))

    def _begin(self, key: int) -> None:
        self._key = key
        self._philox = np.random.Philox(key=key)
        self._generator = np.random.Generator(self._philox)
        # As the generator gives it: "state" holds key and counter, the rest is what is left of the last draw.
        self._state: Any = self._philox.state
        self._counter = np.zeros(4, np.uint64)
        self._state["state"]["counter"] = self._counter

    def at(self, step: int, shard: int) -> None:
        """Turn to the numbers of `step` and `shard`; the counter's lower half is left to count the draws."""
        self._counter[:] = (0, 0, shard, step)
        self._philox.state = self._state

    def twin(self) -> "Stream":
        """Another one of the same numbers, to be turned by itself."""
        twin = Stream.__new__(Stream)
        twin._begin(self._key)
        return twin

    def uniform(self, out: np.ndarray) -> None:
        """Fill `out` (float32 or float64, C-contiguous) with numbers from [0, 1)."""
        self._generator.random(out=out, dtype=out.dtype.type)

    def normal(self, out: np.ndarray) -> None:
        """Fill `out` (float32 or float64, C-contiguous) with numbers of mean 0 and variance 1."""
        self._generator.standard_normal(out=out, dtype=out.dtype.type)

    @property
    def generator(self) -> np.random.Generator:
        """For other distributions; what it draws after `at` follows from step and shard too."""
        return self._generator


def _key(seed: int, words: tuple[int | str, ...]) -> int:
    digest = hashlib.sha256()
    for word in (seed, *words):
        text = str(word).encode()
        kind = b"s" if isinstance(word, str) else b"i"
        digest.update(kind + len(text).to_bytes(8, "little") + text)
    return int.from_bytes(digest.digest()[:16], "little")
