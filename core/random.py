"""Random numbers that follow from a seed and words alone: there is no state to carry from step to step."""

import hashlib

import numpy as np


def generator(seed: int, *words: int | str) -> np.random.Generator:
    """A fresh stream of random numbers that follows from (seed, words); others have unrelated numbers.

    Philox-4x64, its 128-bit key being the first half of SHA-256 over seed and words, each with its kind and
    length, so that ("ab", "c") and ("a", "bc"), or 1 and "1", differ.
    """
    digest = hashlib.sha256()
    for word in (seed, *words):
        text = str(word).encode()
        kind = b"s" if isinstance(word, str) else b"i"
        digest.update(kind + len(text).to_bytes(8, "little") + text)
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest.digest()[:16], "little")))
