"""Jobs named by the beginning of their id, as people copy it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidOption, JobNotFound

if TYPE_CHECKING:
    from holdfast.app import Holdfast

DIGITS = 32
LEAST = 6
"""Digits that a beginning must have: with fewer, a slip of the hand would find something."""


def whole_id(app: Holdfast, given: str) -> str:
    """The id of the one job whose id begins so; what isn't a beginning of an id is given back as it is.

    Raises:
        JobNotFound: there is none.
        InvalidOption: there are several.
    """
    digits = given.replace("-", "").lower()
    if not re.fullmatch(f"[0-9a-f]{{{LEAST},{DIGITS - 1}}}", digits):
        return given
    # Pages go downwards from an id: this one is above all that begin so.
    above = digits.ljust(DIGITS, "f")
    found = [str(job.id) for job in app.jobs.list(after=above, limit=2) if job.id.hex.startswith(digits)]
    if not found:
        raise JobNotFound(f"no job has an id that begins with {given}")
    if len(found) > 1:
        raise InvalidOption(
            f"several jobs have ids that begin with {given}, such as {found[0]} and {found[1]}; give more of it"
        )
    return found[0]
