"""What one job decides for itself, kept with it; everything else comes from the code of the worker that settles."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.core.retries import RetryPolicy, from_json, to_json


class Overrides(msgspec.Struct, frozen=True):
    """What is unset is not overridden. Durations are microseconds."""

    max_attempts: int | None | UnsetType = UNSET
    retry: RetryPolicy | UnsetType = UNSET
    timeout: int | None | UnsetType = UNSET

    def encode(self) -> str | None:
        """As JSON text; None when nothing is overridden.

        Raises:
            InvalidOption: the retry policy is a function, which can't be kept with a job.
        """
        stored: dict[str, Any] = {
            name: value
            for name in ("max_attempts", "timeout")
            if not isinstance(value := getattr(self, name), UnsetType)
        }
        if not isinstance(self.retry, UnsetType):
            stored["retry"] = to_json(self.retry)
        return msgspec.json.encode(stored).decode() if stored else None


def decode(text: str | None) -> Overrides | None:
    """Back from JSON text; fields of a later release are passed over."""
    if text is None:
        return None
    stored = msgspec.json.decode(text)
    return Overrides(
        max_attempts=stored.get("max_attempts", UNSET),
        retry=from_json(stored["retry"]) if "retry" in stored else UNSET,
        timeout=stored.get("timeout", UNSET),
    )
