"""Whether the text of a stored spec is the one that was stored: the SHA-256 in its row is that of the whole.

The whole was one text before its bulk was taken out of it, and is put together again here byte for byte, at
the ends of the objects that the bulk was taken from.
"""

import hashlib
import json
from collections.abc import Sequence

PLACES = (("data", "inline"), ("model", "initial_weights"))
"""Where in a spec its bulk stands. Each has a line of JSON in the bulk's text, "null" where it is absent."""
_COMPACT = '{"kind":"'
"""How every spec begins that was stored by a version whose texts are put together here."""


def is_unchanged(rest: str, lines: Sequence[str], text: str, sha256: str) -> bool:
    """Whether the spec is as it was stored, as far as that can be told.

    `rest` is the spec without its bulk, `lines` the bulk, `text` both together as they are read. That of a
    spec with bulk which a version before has stored can't be told.
    """
    if _sha256(text) == sha256:
        return True
    if all(line == "null" for line in lines):
        return False
    if not rest.startswith(_COMPACT):
        return True
    try:
        return _sha256(_whole(rest, lines)) == sha256
    except (ValueError, LookupError):  # no longer the compact JSON that it was
        return False


def _whole(rest: str, lines: Sequence[str]) -> str:
    ends = _ends(rest)
    found = [
        (ends[part], key, line) for (part, key), line in zip(PLACES, lines, strict=True) if line != "null"
    ]
    for end, key, line in sorted(found, reverse=True):
        comma = "" if rest[end - 1] == "{" else ","
        rest = f'{rest[:end]}{comma}"{key}":{line}{rest[end:]}'
    return rest


def _ends(text: str) -> dict[str, int]:
    """Where the values of an object's members end, before their last bracket: of compact JSON."""
    decoder, at = json.JSONDecoder(), 1
    found: dict[str, int] = {}
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        _, at = decoder.raw_decode(text, at + 1)
        found[key] = at - 1
        at += text[at] == ","
    return found


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
