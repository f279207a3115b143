"""JSON merge patches (RFC 7396)."""


def merged(target: object, patch: object) -> object:
    """`target` as the patch wants it: objects key by key, null takes a key out, all else is put in its place.

    Neither of the two is changed.
    """
    if not isinstance(patch, dict):
        return patch
    result: dict[str, object] = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
