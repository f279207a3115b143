from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import pytest

from lockstep.core.ground.fields import SpecModel
from lockstep.core.ground.words import IncompleteWord, Vocabulary, branches, type_tag

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


class One(SpecModel):
    type: Literal["a", "b"]


class Other(SpecModel):
    type: Literal["c"]


def test_words_that_share_a_class_share_its_branch() -> None:
    kinds = {"a": One, "c": Other, "b": One}
    tag_of = type_tag(kinds, "<{}>")

    assert branches(kinds, "<{}>") == {"<a>": One, "<c>": Other}
    assert [tag_of({"type": name}) for name in ("a", "b", "c", "d")] == ["<a>", "<a>", "<c>", None]


def test_two_words_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match='two called "twice"'):
        Vocabulary("bend", NEEDS, [("twice", Whole), ("twice", Whole)])
