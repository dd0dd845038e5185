"""What one job decides for itself, kept with it; everything else comes from the code of the worker that settles."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.core.retries import RetryPolicy, from_json, to_json

EXPIRY = ("expires_in", "expires_at")


class Overrides(msgspec.Struct, frozen=True):
    """What is unset is not overridden. Durations are microseconds."""

    max_attempts: int | None | UnsetType = UNSET
    retry: RetryPolicy | UnsetType = UNSET
    timeout: int | None | UnsetType = UNSET
    expires_in: int | None = None
    """It must have begun this long after it is first due …"""
    expires_at: int | None = None
    """… or by this time. Only one of them."""

    @property
    def expires(self) -> bool:
        return self.expires_in is not None or self.expires_at is not None

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
        for name in EXPIRY:
            if getattr(self, name) is not None:
                stored[name] = getattr(self, name)
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
        expires_in=stored.get("expires_in"),
        expires_at=stored.get("expires_at"),
    )


def may_expire(text: str | None) -> bool:
    """True if overrides, as they are stored, say until when the job must have begun."""
    return text is not None and '"expires_' in text
