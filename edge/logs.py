"""Structured lines on standard error: readable for people, JSON for collectors."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logs(level: str, *, json: bool) -> None:
    """Sets the process's logging up, once, at its start."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    render = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if json else _as_it_is,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _as_it_is(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
