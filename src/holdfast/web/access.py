"""Who may do what: logins, sessions, tokens, and what the host application allows."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from starlette.exceptions import HTTPException

from holdfast.core.errors import InvalidOption
from holdfast.core.printable import clean
from holdfast.web.sessions import Session, Sessions
from holdfast.web.throttle import Throttle

if TYPE_CHECKING:
    from starlette.requests import Request

Allow: TypeAlias = "Callable[[Request, str], bool | Awaitable[bool]]"
Who: TypeAlias = "Callable[[Request], str | None]"

VIEW = "view"
CHANGES = (
    "job.retry",
    "job.cancel",
    "job.force",
    "job.delete",
    "queue.pause",
    "queue.resume",
    "queue.purge",
    "schedule.pause",
    "schedule.resume",
    "schedule.run",
)
ACTIONS = (VIEW, *CHANGES)
"""What `allow=` is asked about."""
COOKIE = "holdfast_session"
SHORTEST_SECRET = 16

audit_log = logging.getLogger("holdfast.audit")


class LoginNeeded(Exception):
    """Somebody wants to see what is only for those who have logged in."""


class Visitor(msgspec.Struct, frozen=True):
    """Whoever sends a request."""

    session: Session
    is_new: bool
    """Its cookie has still to be set."""
    by_token: bool
    """It carries the token itself, which a browser never does by itself."""


class Access:
    """What `holdfast.web.asgi` says of its arguments, and `hosts`.

    Args:
        hosts: the only names by which it may be reached; None is any. Without a login this keeps out pages of other
            sites whose names are made to lead to this machine.
    """

    def __init__(
        self,
        *,
        password: str | None = None,
        token: str | None = None,
        allow: Allow | None = None,
        who: Who | None = None,
        read_only: bool = False,
        secret: str | bytes | None = None,
        https: bool = False,
        hosts: Collection[str] | None = None,
    ) -> None:
        for name, value in (("password", password), ("token", token)):
            if value is not None and not value.strip():
                raise InvalidOption(f"{name}= is empty; leave it out, or give one")
        key = secrets.token_bytes(32) if secret is None else _bytes(secret)
        if len(key) < SHORTEST_SECRET:
            raise InvalidOption(f"secret= has {SHORTEST_SECRET} bytes or more, not {len(key)}")
        self._words = [_digest(word) for word in (password, token) if word is not None]
        self._token = None if token is None else _digest(token)
        self._allow = allow
        self._who = who
        self.read_only = read_only
        self.https = https
        self.hosts = hosts
        # With another password, what was signed under the old one is void.
        self.sessions = Sessions(hmac.new(key, b"".join(self._words), hashlib.sha256).digest())
        self.throttle = Throttle()

    @property
    def login(self) -> bool:
        """There is something to log in with."""
        return bool(self._words)

    def is_word(self, given: str) -> bool:
        """It is the password or the token."""
        digest = _digest(given)
        # All are compared, so that the time tells nothing.
        return sum(hmac.compare_digest(digest, word) for word in self._words) > 0

    # --- who it is ------------------------------------------------------------------------------------------

    def visitor(self, request: Request) -> Visitor:
        """Who sends a request.

        Raises:
            HTTPException: it came under a name that isn't this dashboard's.
        """
        if self.hosts is not None and _host(request) not in self.hosts:
            raise HTTPException(
                421,
                f"Without a login this dashboard answers only to {', '.join(sorted(self.hosts))}. "
                "To reach it by another name, start it with --password.",
            )
        found = self.sessions.open(request.cookies.get(COOKIE))
        by_token = self._has_token(request)
        return Visitor(found or self.sessions.new(known=False), is_new=found is None, by_token=by_token)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer" or not given:
            return False
        address = address_of(request)
        if self.throttle.wait(address):
            raise HTTPException(429, "Too many wrong tokens came from this address. Try again in a minute.")
        if hmac.compare_digest(_digest(given.strip()), self._token):
            return True
        self.throttle.failed(address)
        return False

    def let_in(self, visitor: Visitor) -> bool:
        return not self.login or visitor.session.known or visitor.by_token

    def name_of(self, request: Request) -> str:
        """Who it is, for the audit log and for pauses."""
        named = None if self._who is None else self._who(request)
        visitor: Visitor | None = getattr(request.state, "holdfast_visitor", None)
        if named is None and visitor is not None and self.login:
            named = "token" if visitor.by_token else f"session {visitor.session.id[:6]}"
        return f"{named or 'somebody'} at {address_of(request)}"

    # --- what they may do -----------------------------------------------------------------------------------

    async def allows(self, request: Request, action: str) -> bool:
        """Whether an action may be done, by the host application and by the read-only mode."""
        if self.read_only and action != VIEW:
            return False
        if self._allow is None:
            return True
        answer = self._allow(request, action)
        return bool(await answer if inspect.isawaitable(answer) else answer)

    async def allowed(self, request: Request) -> frozenset[str]:
        """All actions that may be done, so that a page offers only these."""
        return frozenset([action for action in CHANGES if await self.allows(request, action)])

    def check_form(self, request: Request, visitor: Visitor, given: str) -> None:
        """Refuse what another site had a browser send.

        Raises:
            HTTPException: it did.
        """
        if visitor.by_token:
            return
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or not self.sessions.has_csrf(visitor.session, given):
            self.audit(request, "refused", str(request.scope["path"]), "no valid CSRF token")
            raise HTTPException(
                403,
                "This form is too old, or comes from elsewhere. Go back, load the page again, and repeat it.",
            )

    def audit(self, request: Request, action: str, target: str, how: str) -> None:
        """One line of the log: who has done what to what."""
        audit_log.info(
            "%s of %s by %s: %s",
            action,
            clean(target)[:300],
            clean(self.name_of(request))[:300],
            clean(how)[:300],
        )


def address_of(request: Request) -> str:
    """Where a request comes from, as the server says."""
    return "an unknown address" if request.client is None else request.client.host


def _host(request: Request) -> str:
    """The name in the `Host` header, without the port."""
    given = request.headers.get("host", "").lower()
    if given.startswith("["):
        return given.partition("]")[0][1:]
    return given.partition(":")[0]


def _bytes(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
