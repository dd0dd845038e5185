"""Text that may hold anything, written where a terminal or a reader of lines would obey it."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """The text without what a terminal would obey: control characters become visible escapes."""
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    # Cf: marks that turn the direction of writing can make one name look like another.
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char.encode("unicode_escape").decode("ascii")
    return char


def clean_lines(text: str) -> str:
    """The same for text of several lines, such as a traceback."""
    return "\n".join(clean(line.expandtabs(4)) for line in text.split("\n"))
