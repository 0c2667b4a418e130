"""Logs are events with fields: a constant past-tense name, bound context, no secrets.

Everything goes to stderr, because stdout is the command line's contract.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, cast

import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

Logger = structlog.typing.FilteringBoundLogger
"""What `get` returns; `bind(camera=..., run=...)` returns a new one."""


def configure(*, level: str = "info", as_json: bool = False) -> None:
    """Set up logging once, in the composition root.

    Args:
        level: debug, info, warning or error.
        as_json: one JSON object a line, for machines; else readable lines.
    """
    numeric = getattr(logging, level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # Plain tracebacks: the pretty ones print local variables, and those may be secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else _leave,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> FilteringBoundLogger:
    """A logger that carries the name of the module it speaks for."""
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def _to_stderr(*_names: object) -> structlog.PrintLogger:
    """Whatever stderr is now: a test, or a service manager's wrapper, may have replaced it."""
    return structlog.PrintLogger(sys.stderr)


def _leave(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event
