"""What may be stored: arguments, results and metadata as JSON text, alike on both stores.

Refused are texts over the size limit, the character NUL and halves of surrogate pairs (PostgreSQL keeps
neither), NaN and infinities (JSON has none: they would come back as None), and nesting over 100 levels. An
error names the path of the offending value, such as `to.addresses[3]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, cast

import msgspec

from holdfast.core import paths
from holdfast.core.codec import ENCODER
from holdfast.core.errors import InvalidArguments, PayloadTooLarge
from holdfast.core.paths import MAX_DEPTH

DEFAULT_LIMIT = 1024 * 1024
"""Bytes of a payload's JSON text in UTF-8."""
TEXT_LIMIT = 16 * 1024
"""Bytes kept of an error message or a traceback."""

_NUL = "holds the character NUL, which PostgreSQL can't keep; remove it, or pass bytes"
_SURROGATE = "holds half of a surrogate pair, which is no text; decode the source with errors='replace'"
_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


# --- to JSON text -------------------------------------------------------------------------------------------


def encode(value: Any, *, what: str, limit: int = DEFAULT_LIMIT, may_hold_raw: bool = True) -> str:
    """The JSON text of a value, checked.

    Args:
        value: what msgspec encodes, and paths and pydantic models.
        what: how an error calls it, such as "arguments of mail.send".
        limit: bytes.
        may_hold_raw: False spares looking for `msgspec.Raw` where the types are known to hold none.

    Raises:
        PayloadTooLarge: naming both sizes.
        InvalidArguments: it holds what can't be encoded or stored.
    """
    try:
        data = ENCODER.encode(value)
    except Exception as error:
        # Any exception: serializers and properties of users' classes raise what they like.
        raise _unencodable(value, error, what) from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise located(what, *(paths.find(value, _altered) or ([], str(error)))) from error
    _check_encoded(text, what, limit)
    # msgspec writes NaN as null and Raw as it stands: both can only be seen in the value.
    if (may_hold_raw or "null" in text) and not _is_plain(value):
        found = paths.find(value, _altered)
        if found is not None:
            raise located(what, *found)
    return text


def check(text: str, *, what: str, limit: int = DEFAULT_LIMIT) -> None:
    """Refuse JSON text that a store can't keep or a worker couldn't read.

    Args:
        text: JSON, as an encoder made it.
        what: how an error calls it.
        limit: bytes.

    Raises:
        PayloadTooLarge: naming both sizes.
        InvalidArguments: it holds what can't be stored.
    """
    _check_encoded(text, what, limit)
    # Words that aren't JSON; they may stand in a harmless string too, so a hit is looked into.
    if "NaN" in text or "Infinity" in text:
        _refuse_text(text, what)


def _check_encoded(text: str, what: str, limit: int) -> None:
    """`check` for text of our own encoder, in every enqueue's way: the searches are ordered by what they cost."""
    size = len(text)
    if not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            _refuse_text(text, what)
    if size > limit:
        raise PayloadTooLarge(
            f"{what}: {size:,} bytes of JSON, and the limit is {limit:,}; "
            "store the data elsewhere and pass its key or address"
        )
    # No deeper than there are brackets: nearly always that is answer enough.
    if size > MAX_DEPTH and text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(text):
        raise InvalidArguments(f"{what}: nested over {MAX_DEPTH} levels deep")
    # A single character is found many times faster than two.
    if "\\" in text and _has_bad_escape(text):
        _refuse_text(text, what)


def encode_meta(meta: Mapping[str, Any] | None, *, limit: int = DEFAULT_LIMIT) -> str | None:
    """The JSON text of a job's metadata; None, stored as such, if there is none.

    Raises:
        PayloadTooLarge: naming both sizes.
        InvalidArguments: a key isn't text, or a value can't be stored.
    """
    if not meta:
        return None
    for key in meta:
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArguments(f"meta: the key {key!r} is not text")
    return encode(dict(meta), what="meta", limit=limit)


def decode_meta(text: str | None) -> dict[str, Any]:
    """The metadata of a stored job; empty if there is none."""
    return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])


def located(what: str, pieces: Sequence[str], reason: str) -> InvalidArguments:
    """The error for one part of a payload."""
    path = paths.render(pieces)
    return InvalidArguments(f"{what}: `{path}`: {reason}" if path else f"{what}: {reason}")


# --- free text ----------------------------------------------------------------------------------------------


def clean_text(text: str) -> str:
    """The text in a form that both stores keep: NUL becomes ␀, half of a surrogate pair �."""
    if "\0" in text:
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    if not _is_unicode(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def cap(text: str, limit: int = TEXT_LIMIT) -> str:
    """At most `limit` bytes of a text in UTF-8, never half a character, with a mark where some is left out.

    Beginning and end stay: a message begins with what happened, and a traceback ends with it.
    """
    data = text.encode(errors="surrogatepass")
    if len(data) <= limit:
        return text
    mark = f"\n… {len(data):,} bytes, cut to {limit:,} …\n".encode()
    room = limit - len(mark)
    if room < len(mark):
        # Too little for a mark that says something.
        return data[: max(0, limit)].decode(errors="ignore")
    head = room // 2
    tail = len(data) - (room - head)
    return (data[:head].decode(errors="ignore") + mark.decode()) + data[tail:].decode(errors="ignore")


# --- what is wrong ------------------------------------------------------------------------------------------


def _unencodable(value: Any, error: Exception, what: str) -> InvalidArguments:
    if isinstance(error, RecursionError):
        return InvalidArguments(f"{what}: nested over {MAX_DEPTH} levels deep, or contains itself")
    pieces, reason = paths.find_deepest(value, _encoding_error) or ([], _reworded(error))
    return located(what, pieces, reason)


def _encoding_error(value: Any) -> str | None:
    try:
        ENCODER.encode(value)
    except Exception as error:  # as in `encode`
        keys = cast("dict[object, object]", value) if isinstance(value, dict) else ()
        return next(filter(None, map(_key_error, keys)), _reworded(error))
    return None


def _key_error(key: object) -> str | None:
    try:
        ENCODER.encode({key: None})
    except UnicodeEncodeError:
        return f"a key {_SURROGATE}"
    except Exception:  # as in `encode`
        return f"a key of type {type(key).__qualname__} can't be stored as JSON"
    return None


def _reworded(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return _SURROGATE
    message = str(error)
    if isinstance(error, (TypeError, ValueError)) and message:
        return message
    return f"{type(error).__name__}: {message}"


_PLAIN = frozenset({str, int, bool, type(None), bytes})


def _is_plain(value: object) -> bool:
    """True if the value is surely stored as it is: a quick answer for nearly all."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        return all(map(_is_plain, cast("dict[object, object]", value).values()))
    if kind is list or kind is tuple:
        return all(map(_is_plain, cast("list[object]", value)))
    return kind is float and isfinite(cast(float, value))


def _altered(value: Any) -> str | None:
    """Why the encoder would store something else than this value."""
    if isinstance(value, float) and not isfinite(value):
        return f"{float(value)} can't be stored as JSON; use None or text"
    if isinstance(value, msgspec.Raw):
        try:
            msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"the msgspec.Raw isn't valid JSON: {error}"
    return None


def _unstorable(value: Any) -> str | None:
    """Why a store can't keep a decoded value."""
    if isinstance(value, str):
        return _NUL if "\0" in value else None if _is_unicode(value) else _SURROGATE
    if isinstance(value, dict):
        whys = (_unstorable(key) for key in cast(dict[str, Any], value))
        why = next(filter(None, whys), None)
        return f"a key {why}" if why else None
    return _altered(value)


def _has_bad_escape(text: str) -> bool:
    return "\\u0000" in text or "\\ud" in text or "\\uD" in text


def _refuse_text(text: str, what: str) -> None:
    # Only here the standard library's parser: it lets everything pass that is to be named.
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidArguments(f"{what}: not valid JSON: {error}") from error
    found = paths.find(value, _unstorable)
    if found is not None:
        raise located(what, *found)


def _is_too_deep(text: str) -> bool:
    """By brackets alone, in passes at the speed of C, so that a payload made to be slow isn't."""
    data = text.encode().replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(data.split(b'"')[::2])
    brackets = outside_strings.translate(_TO_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        # Each round takes the innermost level off everything.
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
