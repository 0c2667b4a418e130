"""Errors as HTTP: the one place where a kind becomes a status, and the one shape of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS: Mapping[Kind, int] = {
    Kind.BAD_INPUT: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.TIMED_OUT: 504,
    Kind.UNAVAILABLE: 503,
    Kind.FULL: 507,
    Kind.CORRUPT: 502,
    Kind.UNSUPPORTED: 501,
    Kind.INTERNAL: 500,
}
"""Every kind has exactly one status; a test says so."""


class Fault(BaseModel):
    """What went wrong: a kind for programs, a sentence for people, values that belong to it."""

    kind: Kind
    message: str
    detail: dict[str, Any]


class FaultBody(BaseModel):
    """The one shape of an error."""

    error: Fault


DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": FaultBody, "description": "refused; `kind` says why"},
    "5XX": {"model": FaultBody, "description": "failed, or the box does not answer"},
}
"""How every route may answer besides, for the OpenAPI document."""

_KINDS: Mapping[int, Kind] = {
    400: Kind.BAD_INPUT,
    401: Kind.UNAUTHENTICATED,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    405: Kind.BAD_INPUT,
    406: Kind.BAD_INPUT,
    408: Kind.TIMED_OUT,
    413: Kind.TOO_LARGE,
    415: Kind.BAD_INPUT,
    416: Kind.BAD_INPUT,
    422: Kind.BAD_INPUT,
    429: Kind.TOO_MANY,
}


def kind_of(status: int) -> Kind:
    """The kind of a status that Starlette chose by itself."""
    return _KINDS.get(status, Kind.INTERNAL if status >= 500 else Kind.BAD_INPUT)


def error_body(kind: Kind, message: str, detail: Mapping[str, object]) -> dict[str, Any]:
    """The one shape: {"error": {"kind", "message", "detail"}}."""
    shown = {name: value for name, value in detail.items() if value is not None}
    return {"error": {"kind": kind.value, "message": message, "detail": shown}}


def error_response(
    error: VonggacError, *, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error of the program as the API says it."""
    return JSONResponse(
        error_body(error.kind, error.message, _plain(error.detail)),
        status_code=STATUS[error.kind],
        headers=dict(headers or {}),
    )


def _plain(detail: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value if isinstance(value, str | int | float | bool | dict | list) else str(value)
        for name, value in detail.items()
        if value is not None
    }
