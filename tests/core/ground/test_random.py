import numpy as np

from lockstep.core.ground.random import Stream, generator


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


def test_a_stream_follows_from_its_words_the_step_and_the_shard() -> None:
    def drawn(words: tuple[int | str, ...], step: int, shard: int) -> list[float]:
        stream, out = Stream(7, *words), np.empty(6, np.float32)
        stream.at(3, 3)
        stream.uniform(out)  # what was drawn before is of no matter
        stream.at(step, shard)
        stream.uniform(out)
        return out.tolist()

    places = [
        (words, step, shard) for words in [("node", 1), ("node", 2)] for step in (0, 5) for shard in (0, 1)
    ]
    draws = [drawn(*place) for place in places]

    assert draws == [drawn(*place) for place in places]
    assert len({tuple(draw) for draw in draws}) == len(places)


def test_shards_and_steps_do_not_run_into_each_other() -> None:
    """A million numbers of one shard are not those of the next shard or step."""
    stream, long, short = Stream(7, "node", 1), np.empty(1_000_000), np.empty(4)
    stream.at(0, 0)
    stream.uniform(long)
    for step, shard in [(0, 1), (1, 0)]:
        stream.at(step, shard)
        stream.uniform(short)
        assert not np.isin(short, long).any()


def test_a_twin_draws_the_same_numbers_and_is_turned_by_itself() -> None:
    stream, here, there = Stream(7, "node", 1), np.empty(6), np.empty(6)
    twin = stream.twin()
    stream.at(3, 0)
    twin.at(3, 1)
    stream.uniform(here)
    twin.uniform(there)
    assert here.tolist() != there.tolist()

    stream.at(3, 1)
    stream.uniform(here)

    assert here.tolist() == there.tolist()
