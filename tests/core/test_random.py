import numpy as np

from core.random import generator


def test_equal_words_give_equal_numbers() -> None:
    assert np.array_equal(generator(7, "epoch", 3).random(5), generator(7, "epoch", 3).random(5))


def test_other_words_give_other_numbers() -> None:
    keys: list[tuple[int, tuple[int | str, ...]]] = [
        (7, ("epoch", 3)),
        (8, ("epoch", 3)),
        (7, ("epoch", 4)),
        (7, ("epoch", "3")),
        (7, ("epoch3",)),
        (7, ("epo", "ch", 3)),
        (7, ()),
        (2**53 - 1, ()),
    ]
    draws = {generator(seed, *words).integers(2**62) for seed, words in keys}
    assert len(draws) == len(keys)


def test_the_stream_is_fixed() -> None:
    assert generator(0, "a", 1).integers(1000, size=4).tolist() == FIRST


FIRST = [429, 696, 337, 662]
