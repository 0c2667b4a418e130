"""One family of errors: a kind, a sentence that says what to do, and a cause.

    VonggacError
    ├── ConfigError       the configuration is wrong; names the field
    ├── MalformedError    bytes from outside are not what their format says
    ├── RunEnded          a camera's connection is over, with its cause in the ledger's words
    └── (everything else is a VonggacError with a kind)

A kind is mapped to an HTTP status in `vonggac.web` and to a NATS status in `vonggac.bus`,
in one function each.  End of stream is not an error and an error is never end of stream.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vonggac.causes import Cause


class Kind(StrEnum):
    """What sort of failure it is, as far as a caller can act on it."""

    BAD_INPUT = "bad_input"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    FULL = "full"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


class VonggacError(Exception):
    """An error that a person or a caller can act on.

    Args:
        kind: what sort of failure it is.
        message: one sentence in English: what happened and what to do next.  Never a secret.
        detail: named values that belong to the sentence (a field, a path, an offset).
    """

    def __init__(self, kind: Kind, message: str, **detail: object) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


class ConfigError(VonggacError):
    """The configuration or the command line is wrong; the program stops with exit code 2."""

    def __init__(self, message: str, **detail: object) -> None:
        super().__init__(Kind.BAD_INPUT, message, **detail)


class MalformedError(VonggacError):
    """Bytes from outside are not what their format says.

    Args:
        message: what was expected and what came.
        offset: where in the given buffer, in bytes, if known.
    """

    def __init__(self, message: str, *, offset: int | None = None, **detail: object) -> None:
        super().__init__(Kind.CORRUPT, message, offset=offset, **detail)
        self.offset = offset


class RunEnded(VonggacError):  # noqa: N818 - a run that ends is an event of every day, not an error
    """A run is over (or never began), with the cause that the ledger will print.

    Args:
        cause: the settled cause of the gap that follows.
        message: the evidence in one sentence.
    """

    def __init__(self, cause: Cause, message: str, **detail: object) -> None:
        super().__init__(Kind.UNAVAILABLE, message, **detail)
        self.cause = cause
