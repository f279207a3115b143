"""Whether a job's name, and the keys of its metadata, show what they are."""

import re
from collections.abc import Iterator

from lockstep.core.ground.errors import Problem
from lockstep.core.spec import AnySpec
from lockstep.core.submission.problems import pointer_to

_HIDDEN = re.compile(
    "[\x80-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]"
)
"""Controls of the second kind, line and paragraph separators, controls of direction, what has no width: they
break lines, turn text around, and make two names look alike. U+200C and U+200D stay: scripts and emoji need
them. Stored jobs keep theirs, so this is not a spec's own pattern."""
_BLANK = re.compile("[\\s\u034f\u180b-\u180f\u200c\u200d\u2800\ufe00-\ufe0f\U000e0000-\U000e0fff]*")
"""What shows only beside another letter, as joiners, variations and tags do, and blanks of every width."""


def check_name(spec: AnySpec) -> Iterator[Problem]:
    """All problems of spec.name and of the keys of spec.metadata."""
    if spec.name is not None:
        yield from _check(spec.name, ("name",))
    for key in spec.metadata:
        yield from _check(key, ("metadata", key))


def _check(text: str, place: tuple[str, ...]) -> Iterator[Problem]:
    found = unshown(text)
    if found is not None:
        yield Problem(pointer=pointer_to(place), code=found[0], message=found[1])


def unshown(text: str) -> tuple[str, str] | None:
    """Why a name does not show what it is, as the code and the message of a problem; None where it does."""
    found = _HIDDEN.search(text)
    if found:
        place = f"U+{ord(found[0]):04X} at position {found.start()}"
        return "invisible_letter", f"expected visible letters, got {place}; take it out"
    if text and _BLANK.fullmatch(text):
        return "blank", f"expected visible letters, got {len(text)} blanks; write a name, or leave it out"
    return None
