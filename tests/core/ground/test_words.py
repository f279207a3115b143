from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from lockstep.core.ground.words import IncompleteWord, Vocabulary

NEEDS = {"gradient": "its derivative", "formula": "its formula for people"}


class Bend(ABC):
    formula: str | None = None

    @abstractmethod
    def gradient(self) -> None: ...


class Whole(Bend):
    formula = "y = x"

    def gradient(self) -> None: ...


class WithoutGradient(Bend):
    formula = "y = x"


class WithoutFormula(Bend):
    def gradient(self) -> None: ...


def test_words_keep_their_order() -> None:
    assert list(Vocabulary("bend", NEEDS, [("b", Whole), ("a", Whole)])) == ["b", "a"]


class HalfOpen(Whole, ABC):
    @abstractmethod
    def slope(self) -> None: ...


@pytest.mark.parametrize(
    ("word", "missing"),
    [(HalfOpen, "slope"), (WithoutGradient, "gradient"), (WithoutFormula, "formula"), (object, "gradient")],
)
def test_a_word_that_lacks_a_part_is_refused_by_name(word: type, missing: str) -> None:
    with pytest.raises(IncompleteWord, match=f'the bend "odd" is incomplete: give it `{missing}`') as refused:
        Vocabulary("bend", NEEDS, [("good", Whole), ("odd", word)])

    assert missing in refused.value.missing


def test_two_words_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match='two called "twice"'):
        Vocabulary("bend", NEEDS, [("twice", Whole), ("twice", Whole)])
