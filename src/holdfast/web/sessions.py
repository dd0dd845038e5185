"""Sessions in signed cookies: nothing is kept on the server, and nothing in a cookie is secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import msgspec

LIFETIME = 12 * 3600
"""Seconds."""
LONGEST = 300
"""Characters of a cookie that are looked at."""


class Session(msgspec.Struct, frozen=True):
    """Who has the cookie: the same browser as before, perhaps logged in."""

    id: str
    expires: int
    """Seconds since 1970."""
    known: bool
    """It has shown the password or the token."""


class Sessions:
    """Makes and checks them.

    Args:
        key: what they are signed with.
        clock: seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock())

    def new(self, *, known: bool) -> Session:
        return Session(secrets.token_urlsafe(18), self.now() + LIFETIME, known)

    def seal(self, session: Session) -> str:
        """The text of its cookie."""
        body = f"{session.id}.{session.expires}.{int(session.known)}"
        return f"{body}.{self._sign('session', body)}"

    def open(self, text: str | None) -> Session | None:
        """The session of a cookie; None if it is none of ours, or has expired."""
        if not text or len(text) > LONGEST or not text.isascii():
            return None
        body, _, signature = text.rpartition(".")
        if not hmac.compare_digest(signature, self._sign("session", body)):
            return None
        # Only what we have signed is taken apart.
        name, expires, known = body.split(".")
        session = Session(name, int(expires), known == "1")
        return session if session.expires > self._clock() else None

    def csrf(self, session: Session) -> str:
        """What a form of this session must carry, which other sites can't know."""
        return self._sign("csrf", f"{session.id}.{int(session.known)}")

    def has_csrf(self, session: Session, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.csrf(session).encode())

    def _sign(self, what: str, body: str) -> str:
        return hmac.new(self._key, f"{what}:{body}".encode(), hashlib.sha256).hexdigest()
