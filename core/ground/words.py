"""The words of a spec, kept by kind: layers, losses, optimizers, and what else a user chooses by name.

A word stands in one place with all that Lockstep needs of it. `Vocabulary` makes one table of the words of a
kind; from it follow the choices that messages offer, the parts of the spec's unions, the reference's tables
and the tests that go over every word. A word that lacks something its kind needs is refused at import.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args

from pydantic import Discriminator, Tag

from lockstep.core.ground.errors import LockstepError
from lockstep.core.ground.fields import SpecModel

W = TypeVar("W")


class IncompleteWord(LockstepError):
    """A word lacks what every word of its kind has. `missing` names the attributes."""

    def __init__(self, kind: str, name: str, missing: Mapping[str, str]) -> None:
        self.missing = tuple(missing)
        wanted = "; ".join(f"`{attribute}`, {use}" for attribute, use in missing.items())
        super().__init__(f'the {kind} "{name}" is incomplete: give it {wanted}')


class Vocabulary(Mapping[str, W]):
    """The words of one kind by their names, in the order in which users are offered them.

    `kind` is what one of them is called. `needs` says which attributes each word must have, and what for; one
    that is absent, None or still abstract is missing, and so is whatever else its base leaves abstract.
    Raises IncompleteWord, and ValueError where two words have one name.
    """

    def __init__(self, kind: str, needs: Mapping[str, str], words: Iterable[tuple[str, W]]) -> None:
        self.kind = kind
        self.needs = needs
        self._words: dict[str, W] = {}
        for name, word in words:
            if name in self._words:
                raise ValueError(f'expected one {kind} of each name, got two called "{name}"; rename one')
            missing = {attribute: use for attribute, use in needs.items() if _lacks(word, attribute)}
            for attribute in sorted(getattr(word, "__abstractmethods__", frozenset()) - needs.keys()):
                missing[attribute] = "which its base leaves open"
            if missing:
                raise IncompleteWord(kind, name, missing)
            self._words[name] = word

    def __getitem__(self, name: str) -> W:
        return self._words[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


def _lacks(word: object, attribute: str) -> bool:
    found = getattr(word, attribute, None)
    return found is None or getattr(found, "__isabstractmethod__", False)


def name_of(spec: type[SpecModel]) -> str:
    """The name under which a spec is written: the one value of its `type`."""
    (name,) = get_args(spec.model_fields["type"].annotation)
    return str(name)


def branches(kinds: Mapping[str, type[SpecModel]], tag: str) -> dict[str, type[SpecModel]]:
    """The specs of all words by the tags of a union; `tag`, as "<{}>", holds the name's place.

    Words that share a class share its branch, under the tag of the first of them.
    """
    first = {spec: name for name, spec in reversed(list(kinds.items()))}
    return {tag.format(first[spec]): spec for spec in dict.fromkeys(kinds.values())}


def tagged_union(kinds: Mapping[str, type[SpecModel]], tag: str) -> Any:
    """The union of the `branches` for a Discriminator."""
    return Union[tuple(Annotated[spec, Tag(name)] for name, spec in branches(kinds, tag).items())]  # noqa: UP007


def type_tag(kinds: Mapping[str, type[SpecModel]], tag: str) -> Callable[[object], str | None]:
    """What tells a Discriminator the tag of a value by its `type`; None where no word is called so."""
    tags = {spec: name for name, spec in branches(kinds, tag).items()}

    def tag_of(value: object) -> str | None:
        name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
        return tags[kinds[name]] if isinstance(name, str) and name in kinds else None

    return tag_of


def chosen_by_type(kinds: Mapping[str, type[SpecModel]], tag: str, *, error: str, expected: str) -> Any:
    """The union of all words, told apart by their `type`.

    A value whose type is no word's is an error of the type `error`, for core.submission.problem_kinds.
    """
    message = f"expected {expected}"
    chooses = Discriminator(type_tag(kinds, tag), custom_error_type=error, custom_error_message=message)
    return Annotated[tagged_union(kinds, tag), chooses]


def spelled_out(value: object) -> object:
    """A bare name as {"type": name}; anything else as it is."""
    return {"type": value} if isinstance(value, str) else value
