"""What the schema of a spec tells people of the generators, put together from what each says of itself."""

import textwrap
from collections.abc import Sequence

from lockstep.core.data.generators import GENERATORS, USUAL_NOISE

LINE_LENGTH = 106
COUNTED = {1: "one column", 2: "two columns"}


def rows_in_words() -> str:
    """What each one makes: rows alike in one clause, then a sentence for each that is unlike the others."""
    families: dict[tuple[int, bool], list[str]] = {}
    for name, word in GENERATORS.items():
        if word.about is None:
            shown = f"{name} ({word.formula})" if word.formula else name
            families.setdefault((word.columns, word.classes > 0), []).append(shown)
    clauses = [
        f"{_joined(names)} {'have' if len(names) > 1 else 'has'} "
        f"{COUNTED.get(columns, f'{columns} columns')} and {'classes' if has_classes else 'values'}"
        for (columns, has_classes), names in families.items()
    ]
    unlike = [f"{name} has {word.about}" for name, word in GENERATORS.items() if word.about is not None]
    return textwrap.fill(". ".join(["; ".join(clauses), *unlike]) + ".", LINE_LENGTH, break_on_hyphens=False)


def noise_in_words() -> str:
    """To what it is added, and where another one than the usual is meant if none is given."""
    curves = _joined([name for name, word in GENERATORS.items() if not word.classes])
    others = [f"{word.noise:g} for {name}" for name, word in GENERATORS.items() if word.noise != USUAL_NOISE]
    added = f"the standard deviation of what is added: to y of {curves}, to the positions of the others;"
    return f"{added}\n{_joined(others)} if not given"


def classes_in_words() -> str:
    """Which ones make as many as are asked for."""
    free = [f"{name} (default {word.classes})" for name, word in GENERATORS.items() if word.classes_are_free]
    return f"how many classes {_joined(free)} have; the others' are fixed"


def _joined(words: Sequence[str]) -> str:
    return " and ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), words[-1]])
