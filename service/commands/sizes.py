"""Amounts of bytes in words."""

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def in_words(size_bytes: float) -> str:
    """Such as 512 bytes, or 3.4 MiB."""
    size, unit = float(size_bytes), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 else f"{size:.1f} {UNITS[unit]}"
