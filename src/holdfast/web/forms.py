"""What a browser sends with a form, read with limits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

Form = dict[str, str]

LARGEST = 64 * 1024
"""Bytes."""
FIELDS = 50
KIND = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Form:
    """The fields of a form.

    Raises:
        HTTPException: it is too large, or isn't one.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise HTTPException(415, f"A form is sent as {KIND}.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                raise HTTPException(413, f"A form has at most {LARGEST:,} bytes.")
    except ClientDisconnect:
        raise HTTPException(400, "The form was not sent to its end.") from None
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"
        )
    except ValueError:
        raise HTTPException(400, "The form can't be read.") from None
    return dict(fields)
